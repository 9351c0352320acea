"""`meshtui lab up` and `down`: each command with its output as it comes, and how long everything takes."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from meshtui.cli import consent, headless, output, words
from meshtui.core.errors import Exit, UsageError
from meshtui.kube.clock import SystemClock
from meshtui.lab.kind import commands as c
from meshtui.lab.kind import lab
from meshtui.lab.kind.commands import Command
from meshtui.lab.kind.design import Design
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.record import Records, design_of
from meshtui.lab.script import script
from meshtui.lab.steps import FOUNDATION, step_named

T = TypeVar("T")
TICK = 1.0


class Screen:
    """Shows on standard error what happens; on a terminal the clock goes on while a command is silent."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._now = ""

    @property
    def elapsed(self) -> str:
        """Since the beginning: `03:07`."""
        seconds = int(time.monotonic() - self._began)
        return f"{seconds // 60:02}:{seconds % 60:02}"

    def begin(self, command: Command, number: int, total: int) -> None:
        """The command itself."""
        self._now = f"{number}/{total} {command.id}"
        self._say(f"[{number}/{total} · {self.elapsed}] $ {command.text}")

    def line(self, text: str) -> None:
        """A line of its output."""
        self._say(f"    {text}")

    def end(self, command: Command, seconds: float, skipped: bool) -> None:
        """How it went."""
        self._now = ""
        self._say("    it was so already" if skipped else f"    done in {seconds:.0f} s")

    def say(self, text: str) -> None:
        """Something else."""
        self._say(output.plain(text))

    def _say(self, text: str) -> None:
        words.end_progress()
        words.say(text)

    async def ticking(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` with a clock beside it."""
        ticker = asyncio.create_task(self._tick())
        try:
            return await work
        finally:
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticker
            words.end_progress()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            if self._now:
                words.progress(f"{self._now} · {self.elapsed}")


def _names(arguments: Any) -> tuple[str, ...]:
    return tuple(name.strip() for name in (getattr(arguments, "clusters", None) or "").split(",") if name.strip())


def wish_of(arguments: Any) -> lab.Wish:
    """What a command line asks for. Raises UsageError."""
    until = step_named(arguments.until).name
    if until not in FOUNDATION:
        raise UsageError(f"`lab up` ends before {until}", hint=f"--until {', '.join(FOUNDATION)}")
    return lab.Wish(
        _names(arguments) or lab.Wish().names,
        arguments.lab_nodes,
        arguments.cilium,
        arguments.provider,
        until,
        arguments.force,
    )


def up(arguments: Any) -> int:
    """Build the lab, from where it was left; then open the dashboard on it."""
    records = Records(headless.settings_from(arguments).state_directory)
    wish = wish_of(arguments)
    if arguments.only_print or arguments.dry_run:
        made, record = lab.plan(wish, records)
        directory = records.directory(made.name)
        lines = lab.script(made, directory, inherit=bool(record and record.inherit), until=wish.until)
        sys.stdout.write(script([f"mkdir -p {directory}", *lines]))
        return Exit.OK
    consent.demand_writing(arguments, "`lab up`")
    screen = Screen()
    made = asyncio.run(screen.ticking(lab.up(wish, records, _machine(arguments), screen, SystemClock())))
    return _open(made, arguments, screen)


def _machine(arguments: Any) -> Machine:
    machine = Machine()
    kubeconfig = getattr(arguments, "kubeconfig", None)
    return machine.with_env(KUBECONFIG=str(kubeconfig)) if kubeconfig else machine


def _open(made: Design, arguments: Any, screen: Screen) -> int:
    flags = lab.dashboard(made)
    for site in made.sites:
        output.emit(site.context)
    screen.say(f"The lab is up after {screen.elapsed}. Next: meshtui lab tour {' '.join(flags)}")
    if arguments.no_open or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Exit.OK
    from meshtui.cli import dashboard

    arguments.verb, arguments.contexts = None, [site.context for site in made.sites]
    arguments.relays = [flags[flags.index("--relay") + 1]] if "--relay" in flags else []
    return dashboard.main(arguments)


def down(arguments: Any) -> int:
    """Remove the clusters of one lab, and nothing else."""
    records = Records(headless.settings_from(arguments).state_directory)
    if arguments.only_print or arguments.dry_run:
        found = design_of(records.one(_names(arguments)))
        sys.stdout.write(script([command.text for command in c.down(found)]))
        return Exit.OK
    records.one(_names(arguments))
    consent.demand_writing(arguments, "`lab down`")
    screen = Screen()
    work = lab.down(records, _names(arguments), _machine(arguments), screen, SystemClock())
    gone = asyncio.run(screen.ticking(work))
    screen.say(f"Removed: {', '.join(gone) or 'nothing was left'}.")
    return Exit.OK
