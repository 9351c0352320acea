"""`meshtui lab up|down|step NAME`: build the two-cluster lab and walk it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.cli.annotate import carry_out
from meshtui.core.errors import Exit
from meshtui.core.model.resources import CNPS, DEPLOYMENTS, ENDPOINTSLICES, NAMESPACES, PODS, SERVICES
from meshtui.lab import build
from meshtui.lab.steps import STEPS, LabStep, step_named
from meshtui.mesh.scope import Scope

RESOURCES = (NAMESPACES, SERVICES, ENDPOINTSLICES, PODS, DEPLOYMENTS, CNPS)


def main(arguments: Any) -> int:
    """Build, remove, list the steps or take one."""
    if arguments.what == "step":
        if arguments.step:
            return headless.wait_for(_step(arguments, step_named(arguments.step)))
        rows = [{"step": step.name, "what": step.text} for step in STEPS]
        output.table(rows, ("step", "what"))
        return Exit.OK
    commands = build.up() if arguments.what == "up" else build.down()
    if arguments.dry_run:
        for command, _ in commands:
            output.emit(" ".join(command))
        return Exit.OK
    build.carry_out(commands, words.say)
    if arguments.what == "up":
        words.say("both clusters are up and joined; next: meshtui lab step deployed " + _flags())
    return Exit.OK


def _flags() -> str:
    return " ".join(f"--context {context}" for context in build.contexts())


async def _step(arguments: Any, step: LabStep) -> int:
    from meshtui.lab.walk import plans

    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope(RESOURCES, status=False, flows=False)) as session:
        failed = None
        asked = SimpleNamespace(yes=arguments.yes, dry_run=arguments.dry_run)
        async for plan in plans(session, step):
            for outcome in await carry_out(session, plan, asked):
                failed = failed or outcome.error
        if failed is not None:
            raise failed
        words.say(f"{step.name}: {step.text}")
        return Exit.OK
