"""Carries out a lab's commands one by one, from where the last time ended, and writes down what is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from meshtui.core.clock import Clock
from meshtui.core.errors import CheckFailed
from meshtui.lab.kind.commands import Command, Probe, config_path, delete, ours
from meshtui.lab.kind.design import Design, kind_config
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.preflight import ASK, clusters
from meshtui.lab.kind.record import Record
from meshtui.lab.kind.run import ask, run
from meshtui.mesh.pace import pause

_PAUSE = 1.0
SETTLE = 180.0
"""Seconds until a command's effect must show once it has ended."""
LOOK_FEED = 60.0


class Show(Protocol):
    """Who shows what happens."""

    def begin(self, command: Command, number: int, total: int) -> None:
        """A command begins."""
        ...

    def line(self, text: str) -> None:
        """A line of its output."""
        ...

    def end(self, command: Command, seconds: float, skipped: bool) -> None:
        """It is done, or was done before."""
        ...

    def say(self, text: str) -> None:
        """Something else a person should know."""
        ...


@dataclass(slots=True)
class Work:
    """One lab under construction."""

    lab: Design
    record: Record
    machine: Machine
    directory: Path
    show: Show
    clock: Clock
    keep: Callable[[Record], None]
    """Writes the record down."""
    patience: float | None = None
    """Seconds after which any command hangs; None leaves it to each."""

    async def carry_out(self, commands: Sequence[Command], total: int = 0) -> None:
        """All of them. Raises CheckFailed at the first that fails or hangs; the record says where to go on."""
        for number, command in enumerate(commands, 1):
            if command.id in self.record.done:
                continue
            await self._owned(command)
            self.show.begin(command, number, total or len(commands))
            begun = self.clock.monotonic()
            there = await self._there(command)
            if not there:
                await self._do(command)
            self.record.done.append(command.id)
            self.record.begun = ""
            self.keep(self.record)
            self.show.end(command, self.clock.monotonic() - begun, there)

    async def remove(self, command: Command) -> None:
        """Carry out one of `commands.down`; the caller has made sure that the cluster is ours. Raises CheckFailed."""
        await self._run(command)

    async def _owned(self, command: Command) -> None:
        """Refuse to change a cluster that does not carry our label; one that is about to be made must not be there."""
        site = next(site for site in self.lab.sites if site.name == command.cluster)
        creating = command.id == f"create {site.name}"
        if not creating:
            label = await ask(ours(self.lab, site), self.machine.env, ASK)
            if not (label or b"").strip():
                raise CheckFailed(
                    f"the cluster behind {site.context} does not carry this lab's label",
                    cause="it does not answer, or somebody else made it: nothing was changed in it",
                    hint=f"see `kubectl --context {site.context} get nodes --show-labels`, then run this again",
                )
        elif site.name not in await clusters(self.machine):
            if site.name not in self.record.absent:
                self.record.absent.append(site.name)
        elif site.name not in self.record.absent:
            raise CheckFailed(
                f"there is a kind cluster {site.name} that this lab did not make", hint="give other names: --clusters"
            )

    async def _there(self, command: Command) -> bool:
        """Whether its effect is there already. Half a cluster is removed: it was not there before we began."""
        if command.there is None:
            return False
        if await self._holds(command.there) and (command.until is None or await self._holds(command.until)):
            return True
        site = next(site for site in self.lab.sites if site.name == command.cluster)
        if command.id == f"create {site.name}" and site.name in await clusters(self.machine):
            self.show.say(f"{site.name} was left half made: it is removed and made again")
            await self._run(delete(site))
        return False

    async def _holds(self, probe: Probe) -> bool:
        out = await ask(probe.argv, self.machine.env, ASK)
        return out is not None and len(out.split()) >= probe.lines

    async def _do(self, command: Command) -> None:
        self.record.begun = command.id
        self.keep(self.record)
        if command.id.startswith("create "):
            site = next(site for site in self.lab.sites if site.name == command.cluster)
            config_path(self.directory, site).write_text(kind_config(self.lab, site), encoding="utf-8")
        await self._run(command)
        if command.until is not None:
            await self._wait(command, command.until)

    async def _run(self, command: Command) -> None:
        given = None
        if command.feed:
            given = await ask(command.feed, self.machine.env, LOOK_FEED)
            if not given:
                raise CheckFailed(f"{command.id}: the other cluster's CA could not be read", hint=_AGAIN)
        patience = self.patience or command.patience
        try:
            ended = await run(command.argv, self.machine.env, self.show.line, given=given, patience=patience)
        except TimeoutError:
            minutes = f"{patience / 60:.3g} minutes"
            raise CheckFailed(f"`{' '.join(command.argv[:3])}` has not ended within {minutes}", hint=_AGAIN) from None
        if ended.code:
            raise CheckFailed(
                f"`{' '.join(command.argv[:3])}` failed with exit code {ended.code}", cause=ended.last, hint=_AGAIN
            )

    async def _wait(self, command: Command, probe: Probe) -> None:
        try:
            async with asyncio.timeout(SETTLE):
                while not await self._holds(probe):
                    await pause(_PAUSE)
        except TimeoutError:
            raise CheckFailed(
                f"{command.id}: its effect does not show",
                cause=f"`{' '.join(probe.argv)}` names too little",
                hint=_AGAIN,
            ) from None


_AGAIN = "mend that and run the same command again: what is done is not done twice"
