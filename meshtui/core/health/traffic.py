"""Flows as evidence: which connections between clusters are answered, dropped, or asked for in vain.

Fed row by row with what the nodes report (TCP's handshake, the first packet with data, drops), it keeps the few
seconds of connections that are still open to a verdict and counts of the rest: bounded, whatever the traffic.
A connection is called silent only while both its client's node is being heard and nobody said that it was dropped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial

from msgspec import Struct

from meshtui.core.flows import dropreason
from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.health.loadresults import LoadResults
from meshtui.core.health.tally import Course, Tally, total

PATIENCE = 1.0
"""Seconds after which a request without answer counts: TCP asks again after one."""
FORGIVEN = 4.0
"""Seconds after which an answer no longer counts for its request."""
UNDECIDED = 30.0
"""Seconds after which a connection is let go although nothing could be said of it."""
STALL_SECONDS = 2.0
"""Seconds without data after a request was sent that count as stalled."""
_HEARD_AFTER = 0.3
"""Seconds by which a node must have been heard beyond a moment: flows of one node come nearly in order."""
OPEN_LIMIT = 20_000
PLACES_LIMIT = 4_096

Pair = tuple[str, str]
"""Cilium names of the clusters of client and server."""
Owners = Callable[[str, int], tuple[str, ...]]
"""(address, port) of an endpoint → keys of the services that stand before it."""
_POLICY = frozenset((dropreason.POLICY_DENIED, dropreason.POLICY_DENY))


class _Open(Struct, eq=False):
    """One connection while its fate is open. Times are wall time, 0 for not seen."""

    pair: Pair
    services: tuple[str, ...]
    server: str
    """The server's address."""
    client_node: str = ""
    server_node: str = ""
    asked: float = 0.0
    arrived: float = 0.0
    replied: float = 0.0
    answered: float = 0.0
    wanted: float = 0.0
    """When the client sent data."""
    tries: int = 0
    counted: str = ""
    """Under what it was counted already."""
    weighed: bool = False
    """Whether its packets' ways were counted."""
    settled: bool = False
    """Whether it was counted as served or stalled."""


class Traffic:
    """What flows say of the pairs of clusters and of the services. See the module's docstring."""

    def __init__(self) -> None:
        self.pairs: dict[Pair, Course] = {}
        self.services: OrderedDict[tuple[str, Pair], Course] = OrderedDict()
        """(service key, (client's cluster, server's cluster)) → its connections; the least recently asked leave."""
        self.load_results = LoadResults()
        """What load tests came to."""
        self.heard: dict[str, float] = {}
        """`cluster/node` → time of its newest flow."""
        self.some_only = False
        """Only some events are asked for: what is missing means nothing."""
        self._open: OrderedDict[tuple[str, int, str, int], _Open] = OrderedDict()

    def take(self, rows: Iterable[FlowRow], owners: Owners) -> None:
        """Count a batch in order of time."""
        for row in rows:
            if row.protocol == "TCP":
                self._packet(row, owners)
            elif row.verdict == Verdict.DROPPED and row.protocol == "UDP":
                self._drop(row, row.time_ns / 1e9, owners)
            at = row.time_ns / 1e9
            if at > self.heard.get(row.node, 0.0):
                self.heard[row.node] = at

    def missed(self) -> None:
        """Rows were lost, or a source went away: what is open now stays without a verdict."""
        self._open.clear()

    def suspend(self, some_only: bool) -> None:
        """Whether only some events are asked for from now on."""
        if some_only != self.some_only:
            self.some_only = some_only
            self.missed()

    def hears(self, cluster: str, now: float, seconds: float = 20.0) -> bool:
        """Whether flows of a cluster's nodes have come of late: else nobody would say that a packet was dropped."""
        return any(now - at <= seconds for node, at in self.heard.items() if node.partition("/")[0] == cluster)

    @property
    def open(self) -> int:
        """Connections that are still without a verdict."""
        return len(self._open)

    def settle(self, now: float) -> None:
        """Decide on connections that have been open for long enough by `now`, wall time."""
        for key, found in list(self._open.items()):
            started = found.asked or found.arrived or found.replied
            self._weigh(found)
            if not found.answered and not found.counted and self._in_vain(found):
                found.counted = "silent"
                self._each(found, found.asked, partial(_silent, found.server, found.asked))
                self._courses(found, partial(_lost, found.asked))
            if found.wanted and not found.settled and self._beyond(found.client_node, found.wanted + STALL_SECONDS):
                found.settled = True
                self._each(found, found.wanted, partial(_stalled, found.wanted))
            over = now - started > FORGIVEN + STALL_SECONDS
            if (over and found.counted) or (found.settled and found.weighed) or now - started > UNDECIDED:
                del self._open[key]

    def pair(self, client: str, server: str, since: float, until: float | None = None) -> Tally:
        """Connections of `client`'s pods to `server`'s, asked for in that stretch of time."""
        course = self.pairs.get((client, server))
        return course.since(since, until) if course else Tally()

    def by_service(self, since: float) -> dict[str, dict[Pair, Tally]]:
        """Each service's connections by the clusters of client and server, as far as there are any."""
        found: dict[str, dict[Pair, Tally]] = {}
        for (key, pair), course in self.services.items():
            tally = course.since(since)
            if tally.requests or tally.stalled:
                found.setdefault(key, {})[pair] = tally
        return found

    def beside(self, cluster: str, since: float) -> Tally:
        """Connections that stay within a cluster."""
        return self.pair(cluster, cluster, since)

    def all_to(self, cluster: str, since: float) -> Tally:
        """Connections to a cluster's pods, whoever asks."""
        return total(course.since(since) for (_, server), course in self.pairs.items() if server == cluster)

    def _packet(self, row: FlowRow, owners: Owners) -> None:
        at = row.time_ns / 1e9
        flags = row.flags
        if row.verdict == Verdict.DROPPED:
            self._drop(row, at, owners)
        elif flags == "SYN":
            self._asks(row, at, owners)
        elif flags == "SYN, ACK":
            self._answers(row, at, owners)
        elif "RST" in flags or "PSH" in flags or "FIN" in flags:
            self._goes_on(row, at)

    def _find(self, row: FlowRow, owners: Owners, *, reply: bool) -> _Open | None:
        """The connection a row belongs to, a new one when it is between pods of known clusters."""
        client, server = (row.destination, row.source) if reply else (row.source, row.destination)
        if not (client.cluster and server.cluster and client.pod and server.pod):
            return None
        key, port = _key(row, reply), row.source_port if reply else row.destination_port
        found = self._open.get(key)
        if found is None:
            services = owners(key[2], port)
            found = self._open[key] = _Open((client.cluster, server.cluster), services, key[2])
            if len(self._open) > OPEN_LIMIT:
                self._open.popitem(last=False)
        return found

    def _asks(self, row: FlowRow, at: float, owners: Owners) -> None:
        found = self._find(row, owners, reply=False)
        if found is None:
            return
        if _at(row, row.source.cluster) and not (found.client_node and row.node != found.client_node):
            if not found.asked:
                found.asked, found.client_node = at, row.node
                found.tries = 1
            elif at - max(found.asked, found.arrived) > PATIENCE / 2:
                found.tries += 1
        if _at(row, row.destination.cluster) and row.node != found.client_node and not found.arrived:
            found.arrived, found.server_node = at, row.node

    def _answers(self, row: FlowRow, at: float, owners: Owners) -> None:
        found = self._find(row, owners, reply=True)
        if found is None:
            return
        at_client = _at(row, row.destination.cluster) and (row.node == found.client_node or not found.client_node)
        if at_client and found.pair[0] != found.pair[1]:
            self._answered(found, at)
        elif found.pair[0] == found.pair[1]:
            # Within a cluster both ends may be on one node: any sighting at the client's proves it.
            if row.node == found.client_node or not found.client_node:
                self._answered(found, at)
        elif not found.replied:
            found.replied, found.server_node = at, row.node

    def _answered(self, found: _Open, at: float) -> None:
        if found.answered:
            return
        found.answered = at
        was_silent, asked = found.counted == "silent", found.asked or at
        if was_silent:
            self._each(found, asked, partial(_repent, found.server))
        latency = (at - found.asked) * 1e3 if found.asked and found.tries == 1 else None
        found.counted = "answered"
        self._each(found, asked, lambda tally: tally.passed(at, latency, found.server))
        if found.tries > 1 or was_silent:
            self._each(found, asked, _repeated)
            self._courses(found, lambda course: course.losses.append(asked))
        self._courses(found, lambda course: course.went_well(at))

    def _goes_on(self, row: FlowRow, at: float) -> None:
        found, reply = self._open.get(_key(row, False)), False
        if found is None:
            found, reply = self._open.get(_key(row, True)), True
        if found is None:
            return
        if "RST" in row.flags and reply and not found.answered and not found.counted:
            found.counted, found.settled, found.weighed = "refused", True, True
            self._each(found, found.asked or at, lambda tally: tally.failing("refused", found.asked or at))
            return
        if row.node != found.client_node or not found.answered or found.settled:
            return
        if not reply and "PSH" in row.flags:
            found.wanted = found.wanted or at
        elif reply and found.wanted and at - found.wanted <= STALL_SECONDS:
            found.settled = True
            self._each(found, found.wanted, _served)
        elif not found.wanted:
            found.settled = True  # closed before anything was asked: nothing to learn

    def _drop(self, row: FlowRow, at: float, owners: Owners) -> None:
        reply = row.is_reply is True
        found = self._find(row, owners, reply=reply)
        if found is None or found.counted not in ("", "silent"):
            return
        if found.counted == "silent":
            self._each(found, found.asked, partial(_repent, found.server))
            self._courses(found, partial(_explained, found.asked))
        what = "denied" if row.drop_reason in _POLICY else "dropped"
        found.counted, found.weighed, found.settled = what, True, True
        asked = found.asked or at
        reason = (row.node.partition("/")[0], row.drop_reason)

        def count(tally: Tally) -> None:
            tally.failing(what, asked)
            tally.reasons[reason] = tally.reasons.get(reason, 0) + 1
            if what == "denied":
                tally.denials[reason[0], str(row.direction)] = row

        self._each(found, asked, count)

    def _in_vain(self, found: _Open) -> bool:
        if self.some_only or not found.asked:
            return False
        return self._beyond(found.client_node, found.asked + PATIENCE)

    def _weigh(self, found: _Open) -> None:
        """Count which way its first packets went, once the other side has been heard long enough."""
        if found.weighed or found.pair[0] == found.pair[1] or self.some_only:
            return
        forth = back = None
        if found.asked:
            if not found.arrived and not self._any_beyond(found.pair[1], found.asked + PATIENCE):
                return
            forth = bool(found.arrived or found.replied)
        if found.replied and found.arrived:
            if not found.answered and not self._any_beyond(found.pair[0], found.replied + PATIENCE):
                return
            back = bool(found.answered)
        if forth is None and back is None:
            return
        found.weighed = True

        def count(tally: Tally) -> None:
            tally.forth_sent += forth is not None
            tally.forth_seen += forth is True
            tally.back_sent += back is not None
            tally.back_seen += back is True

        self._each(found, found.asked or found.replied, count)

    def _beyond(self, node: str, time: float) -> bool:
        """Whether a node was heard beyond a moment."""
        return self.heard.get(node, 0.0) > time + _HEARD_AFTER

    def _any_beyond(self, cluster: str, time: float) -> bool:
        """Whether all nodes of a cluster that are heard at all lately were heard beyond a moment."""
        times = [at for node, at in self.heard.items() if node.partition("/")[0] == cluster and time - at < FORGIVEN]
        return bool(times) and min(times) > time

    def _each(self, found: _Open, at: float, count: Callable[[Tally], None]) -> None:
        """Count in the pair's and the services' buckets of that moment."""
        self._courses(found, lambda course: count(course.at(at)))

    def _courses(self, found: _Open, note: Callable[[Course], None]) -> None:
        """Tell the pair's course and the services' of something."""
        course = self.pairs.get(found.pair)
        if course is None:
            course = self.pairs[found.pair] = Course()
        note(course)
        for key in found.services:
            place = (key, found.pair)
            known = self.services.get(place)
            if known is None:
                known = self.services[place] = Course()
                if len(self.services) > PLACES_LIMIT:
                    self.services.popitem(last=False)
            else:
                self.services.move_to_end(place)
            note(known)


def _key(row: FlowRow, reply: bool) -> tuple[str, int, str, int]:
    """Client's and server's end."""
    if reply:
        return row.destination_ip, row.destination_port, row.source_ip, row.source_port
    return row.source_ip, row.source_port, row.destination_ip, row.destination_port


def _at(row: FlowRow, cluster: str) -> bool:
    """Whether the node that saw it belongs to a cluster."""
    return row.node.partition("/")[0] == cluster


def _lost(asked: float, course: Course) -> None:
    course.lost(asked)


def _explained(asked: float, course: Course) -> None:
    course.explained(asked)


def _silent(server: str, asked: float, tally: Tally) -> None:
    tally.failing("silent", asked)
    tally.vain[server] = tally.vain.get(server, 0) + 1


def _repent(server: str, tally: Tally) -> None:
    """It was called silent, and was answered or explained after all."""
    tally.silent = max(0, tally.silent - 1)
    if tally.vain.get(server, 0) > 1:
        tally.vain[server] -= 1
    else:
        tally.vain.pop(server, None)


def _repeated(tally: Tally) -> None:
    tally.repeated += 1


def _stalled(at: float, tally: Tally) -> None:
    tally.stalled += 1
    tally.last_stalled = max(tally.last_stalled, at)


def _served(tally: Tally) -> None:
    tally.served += 1
