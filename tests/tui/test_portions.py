"""Long work comes in portions, each in a turn of the loop of its own: what else is ready runs in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from meshtui.core.findings import Findings
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.services.table import ServiceTable
from meshtui.tui.findings import upkeep
from meshtui.tui.portions import Portions
from meshtui.tui.services import pane
from tests.core import meshes
from tests.tui.conftest import board_on
from tests.waiting import until

COUNT = 300


class Turns:
    """Counts turns of the loop, in each of which something else was ready."""

    def __init__(self) -> None:
        self.number = 0
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self.number += 1
        self._next = self._loop.call_soon(self._turn)

    def stop(self) -> None:
        self._next.cancel()


@pytest.fixture
async def turns() -> AsyncIterator[Turns]:
    made = Turns()
    yield made
    made.stop()


class Pump:
    """Reads its queue as Textual does: to its end, in one turn."""

    def __init__(self) -> None:
        self._queue: list[Callable[[], object]] = []

    def call_later(self, callback: Callable[[], object]) -> bool:
        self._queue.append(callback)
        while self._queue:
            self._queue.pop()()
        return True


async def test_what_else_is_ready_runs_between_two_portions(turns: Turns) -> None:
    seen: list[int] = []

    def portion() -> bool:
        seen.append(turns.number)
        return len(seen) < 6

    work = Portions(Pump(), portion)
    work.go_on()
    work.go_on()
    assert len(seen) == 1, "the rest is awaited already"
    await until(lambda: len(seen) == 6)
    assert len(set(seen)) == 6, seen
    work.go_on()
    assert len(seen) == 7, "later work begins at once"


async def test_rows_and_findings_of_many_services_never_come_twice_in_a_turn(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[tuple[int, int]]] = {"rows": [], "findings": []}

    def watched(name: str, whole: Callable[..., object]) -> Callable[..., object]:
        def work(self: object, limit: int | None = None) -> object:
            before = self.backlog  # type: ignore[attr-defined]
            found = whole(self, limit)
            if before:
                seen[name].append((turns.number, before - self.backlog))  # type: ignore[attr-defined]
            return found

        return work

    monkeypatch.setattr(ServiceTable, "work", watched("rows", ServiceTable.work))
    monkeypatch.setattr(Findings, "work", watched("findings", Findings.work))
    mesh = meshes.mesh()
    for context in mesh.clusters:
        reduce(mesh, s.ApiChanged(context, s.Phase.LIVE, 0.0, "1.36.2"))
        made = {f"default/svc-{n}": meshes.service(meshes.GLOBAL, key=f"default/svc-{n}") for n in range(COUNT)}
        reduce(mesh, s.Listed(context, r.SERVICES, made, 0.0))
    async with board_on(mesh) as board:
        await board.until(lambda: sum(count for _, count in seen["findings"]) >= COUNT, "all are looked at")
        await board.until(lambda: sum(count for _, count in seen["rows"]) >= COUNT, "all have rows")
    for name, most in (("rows", pane.PORTION), ("findings", upkeep.AT_ONCE)):
        numbers = [number for number, _ in seen[name]]
        assert max(count for _, count in seen[name]) <= most + 1, f"{name}; the policies count as one more"
        assert len(set(numbers)) == len(numbers), name
