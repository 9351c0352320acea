"""Judges the mesh of a session again and again: hands flows over as evidence, tells when a verdict changed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from meshtui.core.clock import Clock
from meshtui.core.flows.flow import FlowRow
from meshtui.core.health.judge import Judge
from meshtui.core.health.model import Judgement, Verdict
from meshtui.core.health.pulse import EventCounts, Pulse
from meshtui.core.health.traffic import Traffic
from meshtui.core.model import state as s
from meshtui.core.model.state import Delta, Mesh

ROWS_AT_ONCE = 250
"""Rows looked at in one turn of the loop: 2 ms where nobody read them before."""
TURN_SECONDS = 0.05
BACKLOG = 5_000
"""More rows waiting than this are let go: what is open then stays without a verdict."""
_PATIENCE = 10.0
_NODES_A_SECOND = 1_000
"""Nodes judged in a second of a session: judging 3,200 takes 18 ms, and they are heard every eleven minutes."""


def pause_after(took: float, seconds: float, nodes: int) -> float:
    """Seconds from the end of one judgement to the next, given what it took: a large mesh is judged less often."""
    return max(seconds, _PATIENCE * took, nodes / _NODES_A_SECOND)


class Judging:
    """The newest judgement of a session's mesh. All calls belong on the event loop."""

    def __init__(self, mesh: Mesh, clock: Clock, tell: Callable[[Delta], None], seconds: float) -> None:
        self.mesh = mesh
        self.judge = Judge(mesh, Traffic())
        self.event_counts = EventCounts()
        self.judge.follow()
        self._clock = clock
        self._tell = tell
        self._seconds = seconds
        self._rows: deque[FlowRow] = deque()
        self._told: object = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._turn: asyncio.TimerHandle | None = None

    @property
    def latest(self) -> Judgement:
        """As it was judged last."""
        return self.judge.latest

    @property
    def traffic(self) -> Traffic:
        """What flows say."""
        return self.judge.traffic

    def pulses(self) -> dict[str, Pulse]:
        """Context → the last minutes of a cluster."""
        now, traffic = self._clock.now(), self.traffic
        return {c.context: self.event_counts.of(c.name, traffic, now) for c in self.mesh.clusters.values()}

    def start(self) -> None:
        """Judge from now on."""
        self._loop = asyncio.get_running_loop()
        self._tick()

    def stop(self) -> None:
        """Judge no more."""
        self._loop = None
        for timer in (self._beat, self._turn):
            if timer is not None:
                timer.cancel()
        self._rows.clear()

    def take(self, rows: Sequence[FlowRow]) -> None:
        """New flows; they are looked at by and by."""
        self.event_counts.take(rows)
        self._rows.extend(rows)
        if len(self._rows) > BACKLOG:
            self._rows.clear()
            self.traffic.missed()
        self._go_on()

    def consider(self, event: s.Event) -> None:
        """Something was told: a source of flows that breaks leaves connections without a verdict."""
        if isinstance(event, s.RelayChanged) and event.phase is not None and event.phase is not s.Phase.LIVE:
            self.traffic.missed()

    def note(self, delta: Delta) -> None:
        """Something changed: addresses are others' now."""
        self.judge.note(delta)
        self._go_on()

    def suspend(self, some_only: bool) -> None:
        """Whether only some flows are asked for from now on."""
        self.traffic.suspend(some_only)

    def doubted(self, context: str) -> bool:
        """Whether a link from or to a cluster is not known to be well."""
        name = self.mesh.clusters[context].name
        return any(
            judged.verdict not in (Verdict.WELL, Verdict.IDLE)
            for (source, target), judged in self.latest.links.items()
            if source == context or target == name
        )

    def now(self) -> Judgement:
        """Judge at once, with all flows that have come."""
        self.judge.catch_up()
        while self._rows:
            self._portion()
        return self._judged()

    def _go_on(self) -> None:
        if self._turn is None and self._loop is not None and (self._rows or self.judge.owing):
            self._turn = self._loop.call_later(TURN_SECONDS, self._look)

    def _look(self) -> None:
        self._turn = None
        # Whose an address is comes first: a connection is counted for its services once.
        if self.judge.owing:
            self.judge.work()
        else:
            self._portion()
        self._go_on()

    def _portion(self) -> None:
        count = min(len(self._rows), ROWS_AT_ONCE)
        self.traffic.take([self._rows.popleft() for _ in range(count)], self.judge.addresses.services)

    def _tick(self) -> None:
        began = self._clock.monotonic()
        self._judged()
        if self._loop is not None:
            took = self._clock.monotonic() - began
            nodes = sum(len(cluster.nodes) for cluster in self.mesh.clusters.values())
            self._beat = self._loop.call_later(pause_after(took, self._seconds, nodes), self._tick)

    def _judged(self) -> Judgement:
        judgement = self.judge.judge(self._clock.now())
        verdicts = [(judged.subject, judged.verdict, judged.words) for judged in judgement.all()]
        troubles = [(trouble.cause, trouble.object, trouble.sentence) for trouble in judgement.troubles]
        told = verdicts, troubles
        if told != self._told:
            self._told = told
            self._tell(Delta(status=set(self.mesh.clusters)))
        return judgement
