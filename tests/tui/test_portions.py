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
from meshtui.tui import portions
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
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self._queue: list[Callable[[], object]] = []

    def call_later(self, callback: Callable[[], object]) -> bool:
        self._queue.append(callback)
        while self._queue:
            self._queue.pop()()
        return True

    def set_timer(self, delay: float, callback: Callable[[], None]) -> None:
        self.timers.append((delay, callback))


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


async def test_what_would_be_done_anew_waits_while_news_comes_and_not_for_ever(turns: Turns) -> None:
    pump, more, done = Pump(), [True], []
    work = Portions(pump, lambda: bool(done.append(len(done))), early=lambda: more[0])

    def pauses(news: bool) -> int:
        """Pauses that end, with or without news in each, until it waits no longer."""
        for number in range(1, 100):
            if news:
                work.go_on()
            assert not done, "more is to come"
            ((waited, end),) = pump.timers
            assert waited == portions.PAUSE
            pump.timers.clear()
            end()
            if not pump.timers:
                return number
        raise AssertionError("it waits for ever")

    work.go_on()
    work.go_on()
    assert pauses(news=True) == portions.PAUSES
    work.go_on()
    assert len(done) == 2, "its time is over: as long as it holds, nothing waits again"
    more[0] = False
    work.go_on()
    done.clear()
    more[0] = True
    work.go_on()
    assert pauses(news=False) == 1, "what comes later is waited for anew, and no longer than anything is told"
    assert len(done) == 1


async def test_rows_out_of_sight_are_made_once_the_lists_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    whole = ServiceTable.work

    def work(self: ServiceTable, limit: int | None = None) -> set[str]:
        found = whole(self, limit)
        made.extend(found)
        return found

    monkeypatch.setattr(ServiceTable, "work", work)
    monkeypatch.setattr(portions, "PAUSE", 3600.0)
    mesh, count = meshes.mesh(), 1000
    services = {f"default/svc-{n}": meshes.service(meshes.GLOBAL, key=f"default/svc-{n}") for n in range(count)}
    slices = {
        f"default/svc-{n}-abc": meshes.endpointslice([meshes.endpoint("10.0.0.1")], key=f"default/svc-{n}")
        for n in range(count)
    }
    lists = {r.SERVICES: services, r.ENDPOINTSLICES: slices}
    events = [s.Listed(context, resource, items, 0.0) for context in mesh.clusters for resource, items in lists.items()]
    for context in mesh.clusters:
        for resource in lists:
            mesh.clusters[context].objects.pop(resource, None)
        reduce(mesh, s.ApiChanged(context, s.Phase.LIVE, 0.0, "1.36.2"))
    async with board_on(mesh) as board:
        table = board.app.board.services.table
        assert table is not None
        for event in events[:-1]:
            board.session.emit(event)
            await board.until(lambda: len(made) >= pane.IN_SIGHT, "what a screen shows is made at once")
        shown = board.app.board.services
        await board.until(lambda: len(shown.items) > 100, "they are on the screen")
        assert table.known < count
        assert "to come" in str(shown.border_title)
        assert board.app.board.findings.backlog, "findings come behind the rows"
        board.session.emit(events[-1])
        await board.until(lambda: table.known == count and not table.backlog, "all have rows")
        await board.until(lambda: not board.app.board.findings.backlog, "all are looked at, without another event")
        assert "to come" not in str(shown.border_title)
    assert len(made) < 1.5 * count, "hardly any row was made twice"
    assert {row.cells[0].total for row in table.all_rows()} == {1}


@pytest.mark.parametrize("clusters", [2, 3], ids=["a line for each cluster", "folded"])
@pytest.mark.parametrize("moved", [False, True])
async def test_the_cursor_is_on_top_of_a_list_that_grows_unless_it_was_moved(
    clusters: int, moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "PAUSE", 3600.0)
    mesh = meshes.mesh(*("abc"[:clusters]))
    for context in mesh.clusters:
        mesh.clusters[context].objects.clear()
        reduce(mesh, s.ApiChanged(context, s.Phase.LIVE, 0.0, "1.36.2"))
    first, *others = mesh.clusters
    later = {f"default/m-{n}": meshes.service(key=f"default/m-{n}") for n in range(COUNT)}
    sooner = {f"default/a-{n}": meshes.service(key=f"default/a-{n}") for n in range(COUNT)}
    async with board_on(mesh) as board:
        shown = board.app.board.services
        board.session.emit(s.Listed(first, r.SERVICES, later, 0.0))
        await board.until(lambda: len(shown.items) > 100, "a screenful is listed")
        if moved:
            await board.press("j", "j")
        chosen = shown.selected
        assert (shown.cursor == 1) is not moved
        for context in others:
            board.session.emit(s.Listed(context, r.SERVICES, sooner, 0.0))
        for context in mesh.clusters:
            board.session.emit(s.Listed(context, r.ENDPOINTSLICES, {}, 0.0))
        each = clusters if clusters == 2 else 1
        await board.until(lambda: len(shown.items) == 1 + 2 * COUNT * each, "all are listed")
        assert shown.cell is not None
        if moved:
            assert shown.selected == chosen
        else:
            assert (shown.cursor, shown.cell[0]) == (1, "default/a-0")
            await board.press("j", "k")
        board.session.emit(s.Changed(first, r.SERVICES, {"default/a": meshes.service(key="default/a")}, 0.0))
        held = shown.selected
        await board.until(lambda: "default/a" in str(shown.items[1]), "one more service comes first")
        assert shown.selected == held, "a list that is whole moves nobody"


async def test_a_list_that_does_not_come_keeps_nothing_away_for_long() -> None:
    mesh = meshes.mesh()
    context, other = mesh.clusters
    for each in (context, other):
        mesh.clusters[each].objects.clear()
        reduce(mesh, s.ApiChanged(each, s.Phase.LIVE, 0.0, "1.36.2"))
    made = {f"default/svc-{n}": meshes.service(key=f"default/svc-{n}") for n in range(COUNT)}
    reduce(mesh, s.Listed(context, r.SERVICES, made, 0.0))
    async with board_on(mesh) as board:
        table = board.app.board.services.table
        assert table is not None
        await board.until(lambda: table.known == COUNT, "the other cluster's lists never come")
