"""Asks a container whether a load test can run in it: a shell, and curl or wget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshtui.core.errors import ExecFailed, MeshtuiError
from meshtui.core.load.spec import Tools
from meshtui.kube.api import Api
from meshtui.kube.exec import run

_ASK = ("sh", "-c", "command -v curl wget || :")
_SECONDS = 5.0
_NO_SHELL = ("executable file not found", "no such file", "not found")


async def told_tools(api_of: Callable[[str], Api], context: str, namespace: str, pod: str) -> Tools:
    """What `tools_of` says of a cluster that may not be connected."""
    try:
        return await tools_of(api_of(context), namespace, pod)
    except MeshtuiError as error:
        return Tools(why=error.title)


async def tools_of(api: Api, namespace: str, pod: str, *, container: str = "") -> Tools:
    """One short exec; a failure is part of the result."""
    try:
        answer = await run(api, namespace, pod, _ASK, container=container, timeout=_SECONDS, limit=4096)
    except MeshtuiError as error:
        missing = isinstance(error, ExecFailed) and any(word in str(error.cause).lower() for word in _NO_SHELL)
        return Tools(why="no shell" if missing else error.title)
    return _told(answer.stdout.decode("utf-8", "replace").split())


def _told(paths: Sequence[str]) -> Tools:
    names = {path.rpartition("/")[2] for path in paths}
    found = Tools("curl" in names, "wget" in names)
    return found if found.usable else Tools(why="neither curl nor wget")
