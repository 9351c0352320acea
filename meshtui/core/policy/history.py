"""Remembers which policies were in force when, so that a drop keeps the explanation it had when it happened."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.flows.flow import FlowRow
from meshtui.core.model.state import Mesh
from meshtui.core.policy.explain import (
    DEFAULT_DENIED,
    DENIED,
    Basis,
    Case,
    Explanation,
    Since,
    case_of,
    explain_denial,
    names_its_denial,
    unknown,
    without_policies,
)
from meshtui.core.policy.lost import told_of_lost
from meshtui.core.policy.model import Decision, DirectionVerdict
from meshtui.core.policy.rulebook import Rulebook

EPOCHS = 64
"""Changes of policies that are remembered; rules of policies that stay are shared between them."""
NEIGHBOURS = 4
"""Other states of a cluster's policies that are asked when those of the flow's time would have let it pass."""
CLOSE_NS = 2_000_000_000
"""So near to a change, clocks, the watch and the agents do not tell before from after."""

_WANTED = {DEFAULT_DENIED: Decision.DEFAULT_DENY, DENIED: Decision.DENIED}


class Epoch(Struct, frozen=True):
    """A stretch of time between two changes of policies anywhere."""

    since_ns: int
    book: Rulebook
    changed: frozenset[str]
    """Contexts whose policies are others than in the epoch before."""


class PolicyHistory:
    """Books of the policies by the time from which they were in force, the latest `limit`."""

    def __init__(self, limit: int = EPOCHS) -> None:
        self._limit = limit
        self._epochs: list[Epoch] = []
        self._known_ns: dict[str, int] = {}
        """Context → when its policies and configuration were first known."""

    def __len__(self) -> int:
        return len(self._epochs)

    def note(self, mesh: Mesh, now_ns: int) -> bool:
        """The mesh stands like this now. True when that is news, so that explanations made before may be outdated.

        A first list is knowledge and no change: it counts for all the time before, too.
        """
        if not self._epochs:
            self._epochs.append(Epoch(now_ns, Rulebook(mesh), frozenset()))
            self._known_ns = dict.fromkeys(mesh.clusters, now_ns)
            return True
        last = self._epochs[-1].book
        if last.holds(mesh):
            return False
        book = Rulebook(mesh, last)
        learnt = book.learnt(last)
        for epoch in self._epochs if learnt else ():
            epoch.book.learn(book, learnt)
        self._known_ns.update(dict.fromkeys(learnt, now_ns))
        changed = book.differing(last)
        if changed:
            self._epochs.append(Epoch(now_ns, book, changed))
            del self._epochs[: -self._limit]
        return bool(learnt or changed)

    def explain(self, mesh: Mesh, row: FlowRow) -> Explanation:
        """Why a flow was dropped, by the policies in force at its time, and what became of them since.

        Where those would have let it pass, the states next to them in time are asked, and one that agrees with the
        drop is told as what it is; see `Basis`.
        """
        told = without_policies(row)
        if told is not None:
            return told
        case = case_of(mesh, row)
        context = case.subject.context
        if not self._epochs or not self._epochs[-1].book.knows(context):
            return unknown(row)
        at, found = self._chosen(case, row)
        basis, at_ns = self._basis(context, at, row.time_ns)
        if found.allowed and not names_its_denial(row):
            then = "the first policies known here" if basis is Basis.FIRST else "the policies of that time"
            where = f"{case.direction.value} at {case.subject.place}"
            sentence = f"{where} was denied, although {then} would allow it"
            return Explanation(sentence, found.policies, basis=basis, at_ns=at_ns)
        since = self._since(case, at, row, found)
        told = told_of_lost(mesh, case, self._epochs[at].book, explain_denial(row, found, since))
        notes = (*told.notes, *self._doubt(case, at, row, found))
        # What comes next is asked of the policies of now: those are what will be met.
        afterwards = "" if since.allowed else case.afterwards(self._epochs[-1].book)
        return replace(told, basis=basis, at_ns=at_ns, notes=notes, afterwards=afterwards)

    # Which book

    def _chosen(self, case: Case, row: FlowRow) -> tuple[int, DirectionVerdict]:
        """The epoch whose policies agree with the drop best; of equals the one nearest in time."""
        wanted = _WANTED.get(row.drop_reason)
        best: tuple[int, int, DirectionVerdict] | None = None
        for asked, at in enumerate(self._by_distance(case.subject.context, row.time_ns)):
            found = case.judge(self._epochs[at].book)
            agrees = 0 if found.allowed else 2 if wanted in (None, found.decision) or found.unknown else 1
            if best is None or agrees > best[0]:
                best = agrees, at, found
            if agrees == 2 or asked == NEIGHBOURS or names_its_denial(row):
                break
        assert best is not None
        return best[1:]

    def _by_distance(self, context: str, at_ns: int) -> Iterator[int]:
        """Epochs by their distance in time, the one in force first; one for each state of the context's policies."""
        asked: set[int] = set()
        for at in sorted(range(len(self._epochs)), key=lambda at: self._distance(at, at_ns)):
            state = self._state(context, at)
            if state not in asked:
                asked.add(state)
                yield at

    def _distance(self, at: int, at_ns: int) -> int:
        start = self._epochs[at].since_ns if at else 0
        end = self._epochs[at + 1].since_ns if at + 1 < len(self._epochs) else None
        if at_ns < start:
            return start - at_ns
        return 0 if end is None or at_ns < end else at_ns - end + 1

    def _state(self, context: str, at: int) -> int:
        """The epoch in which the policies that a context has at `at` came into force."""
        return next((n for n in range(at, 0, -1) if context in self._epochs[n].changed), 0)

    def _end(self, context: str, at: int) -> int | None:
        """When the policies that a context has at `at` were changed; None when they are those of now."""
        later = (e.since_ns for e in self._epochs[at + 1 :] if context in e.changed)
        return next(later, None)

    def _basis(self, context: str, at: int, at_ns: int) -> tuple[Basis, int]:
        state, end = self._state(context, at), self._end(context, at)
        if end is not None and at_ns >= end:
            return Basis.BEFORE, end
        if state and at_ns < self._epochs[state].since_ns:
            return Basis.AFTER, self._epochs[state].since_ns
        known = max(self._known_ns.get(context, 0), self._epochs[0].since_ns)
        return (Basis.FIRST, known) if not state and at_ns < known else (Basis.THEN, 0)

    # What became of it

    def _since(self, case: Case, at: int, row: FlowRow, found: DirectionVerdict) -> Since:
        context = case.subject.context
        if self._end(context, at) is None and not names_its_denial(row):
            return Since()
        book = self._epochs[-1].book
        there = {(rule.policy.namespace, rule.policy.name) for rule in book.rules(context)}
        named = row.denied_by if names_its_denial(row) else found.policies
        gone = frozenset(policy for policy in named if (policy.namespace, policy.name) not in there)
        return Since(gone, case.judge(book).allowed)

    def _doubt(self, case: Case, at: int, row: FlowRow, found: DirectionVerdict) -> tuple[str, ...]:
        """Said of a flow so near to a change that the other policies may have refused it as well."""
        context = case.subject.context
        state, end = self._state(context, at), self._end(context, at)
        others = []
        if state and abs(row.time_ns - self._epochs[state].since_ns) < CLOSE_NS:
            others.append(("before", state - 1))
        if end is not None and abs(row.time_ns - end) < CLOSE_NS:
            others.append(("after", next(n for n, e in enumerate(self._epochs) if n > at and context in e.changed)))
        told = []
        for word, other in others:
            refused = case.judge(self._epochs[other].book)
            if refused.refused and refused.policies != found.policies:
                names = ", ".join(policy.name for policy in refused.policies) or "others"
                told.append(f"policies changed within 2 s of this flow: those {word} the change ({names}) deny it, too")
        return tuple(told)
