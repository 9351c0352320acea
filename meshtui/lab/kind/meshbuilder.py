"""Clusters that meshtui made with kind: their mesh is built on, step by step, and never back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from meshtui.core.clock import Clock
from meshtui.core.errors import CheckFailed
from meshtui.lab.kind.commands import Command
from meshtui.lab.kind.commands import up as every
from meshtui.lab.kind.lab import Wish, up
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.record import Record, Records, design_of
from meshtui.lab.kind.work import Show
from meshtui.lab.steps import LabStep


@dataclass(frozen=True, slots=True)
class KindMesh:
    """One lab that meshtui made."""

    record: Record
    records: Records
    machine: Machine
    show: Show
    clock: Clock

    def why_not(self, step: LabStep) -> str:
        """Only forward: what is installed is not taken out again."""
        steps = {command.step for command in self._every() if command.id in self.record.done}
        if step.name == "no-cni" and "cilium" in steps:
            return "Cilium is installed, and meshtui does not take it out again: `meshtui lab down` starts anew."
        return ""

    async def to(self, step: LabStep) -> None:
        """Carry out what is left up to that step. Raises CheckFailed."""
        if refused := self.why_not(step):
            raise CheckFailed(refused)
        record = self.record
        wish = Wish(tuple(record.clusters), record.nodes, record.cilium, record.provider, until=step.name)
        await up(wish, self.records, self.machine, self.show, self.clock)
        fresh = self.records.read("+".join(record.clusters))
        record.done = fresh.done if fresh else record.done

    def commands(self, step: LabStep) -> tuple[str, ...]:
        """Those of that step."""
        return tuple(command.text for command in self._every() if command.step == step.name)

    def _every(self) -> tuple[Command, ...]:
        lab = design_of(self.record)
        return every(lab, self.records.directory(lab.name), inherit=self.record.inherit)


def kind_mesh(
    contexts: Collection[str], records: Callable[[], Records], machine: Machine, show: Show, clock: Clock
) -> KindMesh | None:
    """The lab that contexts belong to, if meshtui made it."""
    known = records()
    for name in known.names():
        record = known.read(name)
        if record is not None and {f"kind-{cluster}" for cluster in record.clusters[:2]} <= set(contexts):
            return KindMesh(record, known, machine, show, clock)
    return None
