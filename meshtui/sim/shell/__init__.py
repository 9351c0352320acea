"""A small POSIX shell and its programs for exec in the embedded mesh: nothing of this machine is ever started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from meshtui.sim.shell import interpret
from meshtui.sim.shell.files import Descriptors, Input, Output, Write
from meshtui.sim.shell.images import binaries
from meshtui.sim.shell.process import Box, Request, Shell

__all__ = ["NotFoundInContainer", "run"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NotFoundInContainer(Exception):
    """The container has no such program; the text is the program's name."""


async def run(
    world: Any,
    cluster: Any,
    pod: Mapping[str, Any],
    container: str,
    argv: Sequence[str],
    stdin: AsyncIterator[bytes] | None,
    stdout: Write,
    stderr: Write,
    *,
    request: Request | None = None,
) -> int:
    """Run `argv` in `container` of `pod` (a v1 Pod as JSON) and return its exit code.

    `request` makes an HTTP request from the pod: by default `sim.datapath.request`. Raises NotFoundInContainer.
    When cancelled, every process it started has ended before it returns.
    """
    box = Box(world, cluster, pod, container, _binaries(pod, container), request or _through_datapath)
    shell = _first(box, stdin, stdout, stderr)
    if interpret.program_named(shell, argv[0]) is None:
        raise NotFoundInContainer(argv[0])
    job = box.spawn(shell, lambda process: interpret.invoke(process, list(argv)))
    shell.leader = shell.pid
    try:
        return await job.wait()
    finally:
        await asyncio.shield(box.end())


def _binaries(pod: Mapping[str, Any], container: str) -> frozenset[str]:
    for spec in pod.get("spec", {}).get("containers", ()):
        if spec.get("name") == container:
            return binaries(str(spec.get("image", "")), container)
    return frozenset()


def _first(box: Box, stdin: AsyncIterator[bytes] | None, stdout: Write, stderr: Write) -> Shell:
    fds = Descriptors()
    fds.put(0, Input(stdin))
    fds.put(1, Output(stdout))
    fds.put(2, Output(stderr))
    variables = {"PATH": PATH, "HOME": "/root", "KUBERNETES_PORT": "tcp://kubernetes:443"}
    shell = Shell(box, fds, variables, set(variables), interpreter=interpret)
    shell.variables["HOSTNAME"] = shell.pod_name
    shell.exported.add("HOSTNAME")
    return shell


async def _through_datapath(*arguments: Any, **options: Any) -> Any:
    from meshtui.sim.datapath.request import request

    return await request(*arguments, **options)
