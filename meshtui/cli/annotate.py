"""`meshtui annotate`: the toggles of the services pane, with the plan shown first."""

from __future__ import annotations

from typing import Any

from meshtui.cli import headless
from meshtui.cli.changing import change, seen
from meshtui.cli.services import NEEDED, RESOURCES, key_of
from meshtui.core.errors import CheckFailed, UsageError
from meshtui.mesh.scope import Scope

_BOOLEANS = {"true": "true", "yes": "true", "on": "true", "1": "true", "false": "false", "no": "false", "off": "false"}


def main(arguments: Any) -> int:
    """Plan, ask, do."""
    wanted = _wanted(arguments)
    if not wanted:
        raise UsageError("nothing to change", hint="give --global, --shared or --affinity")
    return headless.wait_for(_main(arguments, wanted))


def _wanted(arguments: Any) -> dict[str, str | None]:
    """Annotation → value, None to delete it."""
    wanted: dict[str, str | None] = {}
    for what, value in (("global", arguments.global_), ("shared", arguments.shared)):
        if value is not None:
            if value != "-" and value.lower() not in (*_BOOLEANS, "0"):
                raise UsageError(f"--{what} takes true, false or -", cause=f"got {value!r}")
            wanted[what] = None if value == "-" else _BOOLEANS.get(value.lower(), "false")
    if arguments.affinity is not None:
        if arguments.affinity not in ("local", "remote", "-"):
            raise UsageError("--affinity takes local, remote or -", cause=f"got {arguments.affinity!r}")
        wanted["affinity"] = None if arguments.affinity == "-" else arguments.affinity
    return wanted


async def _main(arguments: Any, wanted: dict[str, str | None]) -> int:
    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope(RESOURCES, status=False, flows=False)) as session:
        code = headless.missing_data(session, NEEDED, [each for each in RESOURCES if each not in NEEDED])
        key = key_of(arguments.service, session)
        refs = [(c.context, key) for c in headless.clusters_of(session) if key in c.services]
        if not refs:
            raise CheckFailed(f"no cluster has a service {key}", hint="`meshtui services -A` lists them")
        plan = session.plan_annotations(refs, wanted)
        code = max(code, await change(session, plan, arguments))
        await seen(session, arguments)
        return code
