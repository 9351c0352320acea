"""The account of a node against a model of one: events on the way, lost, repeated and late; restarts; many readings."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtui.core.flows.account.account import Reading
from meshtui.core.flows.account.gaps import Gap, Missing
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore
from tests.core.flowrows import SECOND, row

NODE = "koornacht/worker"
FEEDER = "kind-koornacht"
MS = SECOND // 1000
CALM = 3 * SECOND


@dataclass
class Model:
    """One node, the way to us, and our store. Time is in nanoseconds; the node's clock is `skew` ahead."""

    rng: random.Random
    store: FlowStore = field(default_factory=lambda: FlowStore(100_000))
    now: int = 1_000 * SECOND
    skew: int = 0
    held_back: int = 0
    """Entries the ring does not give out: Hubble's newest."""
    node: str = NODE
    started: int = 0
    seen: list[FlowRow] = field(default_factory=list)
    born: int = 0
    """Events of earlier agents."""
    way: list[tuple[int, FlowRow]] = field(default_factory=list)
    last_arrival: int = 0
    lost: int = 0
    cut: bool = False

    def happen(self, *, delay: int = 0) -> None:
        """One event; it arrives `delay` later, in order, or never while the way is cut."""
        self.now += 1
        event = row(time_ns=self.now + self.skew, uuid=f"{self.node}{self.born}.{len(self.seen)}", node=self.node)
        self.seen.append(event)
        if self.cut:
            self.lost += 1
            return
        self.last_arrival = max(self.last_arrival, self.now + delay)
        self.way.append((self.last_arrival, event))

    def run(self, until: int) -> None:
        """Let time pass; what has arrived by then is taken, some of it twice."""
        self.now = max(self.now, until)
        came = [event for at, event in self.way if at <= self.now]
        self.way = [(at, event) for at, event in self.way if at > self.now]
        self.store.add([*came, *(event for event in came if self.rng.random() < 0.1)])

    def visible(self) -> int:
        readable = self.seen[: len(self.seen) - self.held_back]
        return readable[-1].time_ns if readable else 0

    def read(self, *, busy: int = 0) -> None:
        """Ask for its count; `busy` events happen between the two looks."""
        heard = self.store.account.heard()
        at, before = self.now, self.visible()
        between = self.rng.randint(0, busy)
        for _ in range(between):
            self.happen(delay=self.rng.randint(0, SECOND))
        seen = len(self.seen)
        for _ in range(busy - between):
            self.happen(delay=self.rng.randint(0, SECOND))
        reading = Reading(self.node, at, seen, self.now - self.started, before, self.visible())
        self.store.note([reading], FEEDER, heard)

    def restart(self) -> None:
        """Its agent starts anew: the ring and the count are gone."""
        self.started, self.born, self.seen = self.now, self.born + 1, []

    def told(self) -> tuple[int, int | None]:
        """What the account says is missing by now."""
        self.store.judge_gaps(self.now)
        balance = self.store.account.balance(self.node, self.now)
        return balance.least, balance.most


def started(**options: int) -> Model:
    """A node of which something has come, with two readings behind it."""
    model = Model(random.Random(7), **options)
    model.started = model.now - 100 * SECOND
    for _ in range(5):
        model.happen()
    model.run(model.now)
    for _ in range(2):
        settle(model)
        model.read()
    return model


def settle(model: Model) -> None:
    """An event passes everything that is on its way, and some seconds go by."""
    model.run(model.now + 10 * SECOND)
    cut, model.cut = model.cut, False
    model.happen()
    model.happen()
    model.cut = cut
    model.run(model.now + 10 * SECOND)


steps = st.lists(
    st.tuples(st.sampled_from(["event", "event", "event", "cut", "mend", "read", "wait"]), st.integers(0, 2_000)),
    max_size=120,
)


@settings(max_examples=200, deadline=None)
@given(steps, st.sampled_from([0, 1]), st.sampled_from([0, -30 * SECOND, 40 * SECOND]), st.integers(0, 2**32))
def test_never_more_than_is_missing_and_exactly_that_once_quiet(
    plan: list[tuple[str, int]], held_back: int, skew: int, seed: int
) -> None:
    model = Model(random.Random(seed), held_back=held_back, skew=skew)
    for _ in range(3):
        model.happen()
    model.run(model.now)
    for _ in range(2):
        settle(model)
        model.read()
    assert model.told() == (0, 0)
    before = model.lost
    for what, amount in plan:
        if what == "event":
            model.happen(delay=amount * MS)
        elif what in ("cut", "mend"):
            model.cut = what == "cut"
        elif what == "read":
            model.read()
        model.run(model.now + amount * MS)
        least, _ = model.told()
        assert least <= model.lost - before
    model.cut = False
    for _ in range(4):
        settle(model)
        model.read()
    settle(model)
    assert model.told() == (model.lost - before, model.lost - before)
    assert not model.way


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(1, 8), st.booleans(), st.integers(0, 2**32))
def test_a_node_that_is_never_quiet_is_bounded_and_its_bounds_narrow(
    missing: int, busy: int, broken: bool, seed: int
) -> None:
    model = Model(random.Random(seed))
    model.happen()
    model.run(model.now)
    for _ in range(14):
        model.read(busy=busy)
        settle(model)
    if broken:
        break_off(model, missing)
    else:
        model.cut = True
        for _ in range(missing):
            model.happen()
        model.cut = False
    for _ in range(14):
        model.read(busy=busy)
        settle(model)
    least, most = model.told()
    assert least <= missing
    assert most is None or missing <= most or (not broken and missing <= busy)
    if broken:
        assert most is not None
        assert most - least <= busy
        (gap,) = model.store.gaps
        assert gap.least == least


def break_off(model: Model, lost: int, *, kept: int = 0) -> None:
    """The source is away while `lost + kept` events happen, and back with what the ring kept."""
    model.store.open_gap(FEEDER, model.now + 1, "gone")
    model.now += SECOND
    model.cut = True
    for _ in range(lost):
        model.happen()
    model.cut = False
    for _ in range(kept):
        model.happen(delay=2 * SECOND)
    model.now += SECOND
    model.store.close_gap(FEEDER, model.now)
    model.store.judge_gaps(model.now)


def gap_of(model: Model) -> Gap:
    model.store.judge_gaps(model.now)
    return next(gap for gap in model.store.gaps if not gap.silent)


@pytest.mark.parametrize("held_back", [0, 1])
def test_a_gap_says_how_many_are_missing_or_that_none_is(held_back: int) -> None:
    for lost in (0, 1, 1240):
        model = started(held_back=held_back)
        break_off(model, lost, kept=30)
        assert gap_of(model).counting
        for _ in range(2):
            settle(model)
            model.read()
        settle(model)
        gap = gap_of(model)
        assert (gap.counting, gap.counted, gap.lost, gap.least) == (False, True, lost > 0, lost)
        assert gap.missing == ((Missing(NODE, lost, lost),) if lost else ())
        assert len(model.store.gaps) == 1


def test_what_comes_late_takes_its_number_back() -> None:
    model = started()
    late = row(time_ns=model.now + 7, uuid="late", node=NODE)
    model.now += 7
    model.seen.append(late)
    model.store.open_gap(FEEDER, model.now + 1, "gone")
    break_off(model, 3)
    for _ in range(2):
        settle(model)
        model.read()
    settle(model)
    assert gap_of(model).least == 4
    model.store.add([late])
    assert gap_of(model).least == 3


def test_a_restarted_agent_is_not_counted_and_said_to_be() -> None:
    model = started()
    model.store.open_gap(FEEDER, model.now + 1, "gone")
    model.now += SECOND
    model.restart()
    for _ in range(3):
        model.happen()
    model.now += SECOND
    model.store.close_gap(FEEDER, model.now)
    for _ in range(2):
        settle(model)
        model.read()
    settle(model)
    gap = gap_of(model)
    assert (gap.counted, gap.lost) == (True, True)
    assert gap.missing == (Missing(NODE, 0, None, "its agent started anew"),)
    assert model.told() == (0, 0)


def test_silent_loss_is_a_gap_of_its_own_and_goes_when_the_events_come() -> None:
    model = started()
    model.cut = True
    for _ in range(5):
        model.happen()
    model.cut = False
    hidden = model.seen[-5:]
    for _ in range(2):
        settle(model)
        model.read()
    settle(model)
    assert model.store.judge_gaps(model.now)
    (gap,) = model.store.gaps
    assert (gap.source, gap.silent, gap.counted, gap.missing) == (FEEDER, True, True, (Missing(NODE, 5, 5),))
    assert not model.store.judge_gaps(model.now)
    model.store.add(hidden)
    assert model.store.judge_gaps(model.now)
    assert not model.store.gaps


def test_losses_the_node_tells_itself_are_not_told_twice() -> None:
    model = started()
    model.cut = True
    for _ in range(5):
        model.happen()
    model.cut = False
    model.store.account.tell_lost(NODE, 5, model.now)
    for _ in range(3):
        settle(model)
        model.read()
    settle(model)
    model.store.judge_gaps(model.now)
    assert not model.store.gaps
    assert model.told() == (0, 0)


@pytest.mark.parametrize("how", ["filter", "shed", "nameless", "clear"])
def test_what_no_count_knows_makes_a_gap_uncounted(how: str) -> None:
    model = started()
    store = model.store
    if how == "filter":
        store.account.suspend("a filter asks for some events only")
    break_off(model, 7)
    if how == "shed":
        store.add_shed(3)
    elif how == "nameless":
        store.add([row(time_ns=model.now, uuid="", node=NODE)])
    elif how == "clear":
        store.clear()
    for _ in range(3):
        settle(model)
        model.read()
    settle(model)
    gap = gap_of(model)
    assert (gap.counting, gap.counted, gap.lost, gap.missing) == (False, False, True, ())
    assert store.account.active is (how != "filter")
    store.account.resume()
    for _ in range(3):
        settle(model)
        model.read()
    settle(model)
    assert model.told() == (0, 0)
    assert [g for g in store.gaps if g.silent] == []


def test_of_two_gaps_between_two_readings_the_second_has_the_number() -> None:
    model = started()
    break_off(model, 4)
    model.happen()
    model.run(model.now)
    break_off(model, 6)
    for _ in range(2):
        settle(model)
        model.read()
    settle(model)
    model.store.judge_gaps(model.now)
    first, second = model.store.gaps
    assert (first.counted, first.lost) == (False, True)
    assert (second.counted, second.least) == (True, 10)


def test_the_account_goes_on_for_hours_in_bounded_memory() -> None:
    model = started()
    for number in range(150):
        if number in (20, 100):
            break_off(model, 9)
        settle(model)
        model.read()
        model.store.judge_gaps(model.now)
    settle(model)
    assert model.told() == (18, 18)
    assert [gap.least for gap in model.store.gaps] == [9, 9]
    balance = model.store.account.balance(NODE, model.now)
    assert balance.seen - balance.here == 18
    assert len(model.store.account.account(NODE).marks) == 60


def test_rows_of_two_sources_that_come_in_one_batch_are_counted_where_they_belong() -> None:
    model = started()
    settle(model)
    late = [model.now + number for number in (1, 2)]
    model.now += 2
    events = [row(time_ns=at, uuid=f"late{at}", node=NODE) for at in late]
    model.seen += events
    model.read()
    other = row(time_ns=model.now + SECOND, uuid="other", node="tion/worker")
    model.store.add([other, *events])
    model.now += SECOND
    settle(model)
    model.read()
    settle(model)
    model.store.judge_gaps(model.now)
    assert [mark.came for mark in model.store.account.account(NODE).marks[-2:]] == [4, 2]
    assert not model.store.account.take_doubts()


def test_a_node_that_sees_what_is_not_asked_for_is_not_counted_until_it_is_long_over() -> None:
    model = started()
    account = model.store.account
    assert account.nodes() == [NODE]
    settle(model)
    model.happen()
    at = model.now
    seen = Reading(NODE, at, len(model.seen) + 400, at - model.started, model.visible(), model.visible(), at - 1)
    model.store.note([seen], FEEDER, account.heard())
    assert account.nodes() == []
    again = structs.replace(seen, at_ns=at + SECOND)
    model.store.note([again], FEEDER, account.heard())
    assert account.nodes() == [], "it has just seen some"
    over = structs.replace(again, unasked_ns=model.visible() - 61 * SECOND)
    model.store.note([over], FEEDER, account.heard())
    assert account.nodes() == [NODE]
    assert not account.take_doubts()
