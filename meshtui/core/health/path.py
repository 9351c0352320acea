"""Do packets pass between two clusters' nodes and pods? From every probe either way, and from flows.

A probe is a question and an answer, so each proves both directions. The newest evidence decides: probes of a node are
made every 132 s only, so a failed one that anything newer contradicts is no alarm.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtui.core.health.addresses import AddressIndex
from meshtui.core.health.agentreports import AgentReports, ProbeResult
from meshtui.core.health.flaws import flaws, flaws_beside, flowing_ms, probed_ms, together
from meshtui.core.health.memory import Memory
from meshtui.core.health.model import EARNED_SECONDS
from meshtui.core.health.pathhealth import LOSSES, RELEVANT, WINDOW, Evidence, PathHealth, PathState, gather
from meshtui.core.health.tally import BUCKET_SECONDS, Tally
from meshtui.core.health.traffic import Traffic
from meshtui.core.model.state import Cluster

_VAIN_AT_ONCE, _VAIN_ON_LOSSY, _VAIN_IN_TIME, _IN_TIME = 4, 12, 2, 6.0
_ENDS = 2
"""Buckets in which some are answered and some not because something begins or ends in them."""
_SUSPECT, _SILENT_NODE = 2, 8
"""So many connections in a row to one node's servers may be its doing, and are not lost by chance."""
_SILENT_AMONG_WELL, _WELL = 4, 0.9
"""So few are enough where nearly all of those to other nodes are answered meanwhile."""
_PROBE_SECONDS, _TIMEOUT = 15.0, 10.0
"""A probe that fails was begun that long before, surely and at least."""
_PASSES = 0.4
"""Share of packets that arrive in a direction that passes, which may lose some."""


class _Silent(Struct, frozen=True):
    """A node whose servers do not answer while others' do."""

    node: str
    asked: int
    """Connections in vain."""
    since: float
    stretches: int
    """Buckets of time in which some were."""


def way_between(
    one: Cluster,
    other: Cluster,
    traffic: Traffic,
    now: float,
    memory: Memory,
    homes: AddressIndex,
    reports: AgentReports,
    down: frozenset[str] = frozenset(),
) -> PathHealth:
    """The way between two clusters. `homes`: whose an address is; `down`: nodes known to be down."""
    found = gather(one, other, traffic, now, reports)
    lost = _lost(found, homes, down)
    if lost is not None:
        return together([lost, *flaws_beside(lost, found, memory)]) or lost
    partly = _some_nodes(found, memory, homes)
    if partly is not None and not down.issuperset(partly.nodes):
        return partly
    suspects = {silent.node for silent in _silent_homes(found, homes) if silent.asked >= _SUSPECT}
    dead = homes.on(down | suspects)
    return together([*flaws(found, memory, dead), *([partly] if partly else [])]) or _open(found, memory)


def _lost(found: Evidence, homes: AddressIndex, down: frozenset[str]) -> PathHealth | None:
    """Everything since some moment is lost, beside what nodes that are down explain."""
    passed_at = found.passed_at
    failing = [s for s in found.failed if s.at > passed_at and not {s.target, s.prober} & down]
    if len({s.target for s in failing}) < 2:
        # What passed after a probe was begun is no proof against its node, but it is for the way.
        failing = [s for s in failing if s.at - _TIMEOUT > passed_at]
    vain, vain_since = found.vain
    # Where packets get lost anyway, some connections in a row are lost by chance.
    lossy = found.losses(found.now - WINDOW) > LOSSES and found.now - passed_at < WINDOW
    by_flows = vain >= (_VAIN_ON_LOSSY if lossy else _VAIN_AT_ONCE)
    by_flows = by_flows or (not lossy and vain >= _VAIN_IN_TIME and found.now - vain_since >= _IN_TIME)
    by_flows = by_flows and vain_since > passed_at - 1.0 and found.now - vain_since < 2 * EARNED_SECONDS
    if not failing and not by_flows:
        return None
    starts = [result.at for result in failing] + ([vain_since] if by_flows else [])
    since = min(starts)
    evidence = [*_told(failing, found.now)]
    if by_flows:
        evidence.append(f"{vain} connections asked for and none answered since")
    nodes = _only_node(failing, found, homes) if not by_flows or failing else ()
    if by_flows and not failing:
        nodes = _homes_of(found, homes)
    one_way = _one_way(found, since)
    if one_way is not None:
        blocked, passing, told = one_way
        return PathHealth(PathState.ONE_WAY, since, passed_at, (*evidence, *told), blocked=blocked, passing=passing)
    hosts_passed = found.hosts_passed_at
    hosts_failed = max((result.at for each in found.hosts for result in each.failed), default=0.0)
    if found.pods is not found.hosts and max(hosts_passed, found.control_at) > max(since, hosts_failed):
        proof = "the other cluster's etcd" if found.control_at >= hosts_passed else "node addresses"
        return PathHealth(PathState.OVERLAY, since, passed_at, (*evidence, f"{proof} answered meanwhile"))
    return PathHealth(PathState.CUT, since, passed_at, tuple(evidence), nodes)


def _told(failing: Iterable[ProbeResult], now: float) -> list[str]:
    """Each failed probe in a line, newest first."""
    ordered = sorted(failing, key=lambda result: -result.at)
    return [f"{s.prober} → {s.target}: {s.error}, probed {now - s.at:.0f} s ago" for s in ordered[:6]]


def _only_node(failing: list[ProbeResult], found: Evidence, homes: AddressIndex) -> tuple[str, ...]:
    """The one node that all failed probes have in common, when there are others that were not tried since."""
    if not failing:
        return ()
    common = {failing[0].prober, failing[0].target}.intersection(*({s.prober, s.target} for s in failing))
    return tuple(sorted(common)) if len(failing) > 1 and len(common) == 1 else ()


def _homes_of(found: Evidence, homes: AddressIndex) -> tuple[str, ...]:
    """The one node that all silent servers are on, when others of its cluster are known to serve."""
    silent = {homes.get(address) for tally in (found.forth, found.back) for address in tally.vain}
    return tuple(silent) if len(silent) == 1 and "" not in silent else ()


def _one_way(found: Evidence, since: float) -> tuple[tuple[str, str], tuple[int, int], tuple[str, ...]] | None:
    """(from, to), packets the other way, words: when packets one way are seen to leave and never to arrive, and those
    the other way do arrive.
    """
    # The bucket in which it began holds packets of before.
    forth, back = (course.since(since + BUCKET_SECONDS) if course else Tally() for course in found.ways)
    there = forth.forth_sent + back.back_sent, forth.forth_seen + back.back_seen
    here = back.forth_sent + forth.back_sent, back.forth_seen + forth.back_seen
    if there[0] < LOSSES or here[0] < LOSSES:
        return None
    one, other = found.one.name, found.other.name
    told = (
        f"{one} → {other}: {there[0]} handshake packets left, {there[1]} arrived",
        f"{other} → {one}: {here[0]} handshake packets left, {here[1]} arrived",
    )
    if there[1] <= 0.05 * there[0] and here[1] >= _PASSES * here[0]:
        return (one, other), here, told
    if here[1] <= 0.05 * here[0] and there[1] >= _PASSES * there[0]:
        return (other, one), there, told
    return None


def _some_nodes(found: Evidence, memory: Memory, homes: AddressIndex) -> PathHealth | None:
    """Nodes that fail again and again while others pass in between."""
    dead: dict[str, float] = {}
    served: dict[str, float] = {}
    for tally in (found.forth, found.back):
        for address, at in tally.reached.items():
            name = homes.get(address, "")
            served[name] = max(at, served.get(name, 0.0))
    names = {result.target for result in found.failed}
    names |= memory.node_fails.keys() & {result.target for result in found.probes} if memory.node_fails else set()
    for name in sorted(names):
        mine = [result for result in found.probes if result.target == name]
        passed = max((result.at for result in mine if result.passed), default=0.0)
        passed = max(passed, served.get(name, 0.0))
        fails = {result.at for result in mine if not result.passed and result.at > passed}
        fails |= {at for at in memory.node_fails.get(name, ()) if at > passed and found.now - at < 2 * RELEVANT}
        if fails:
            memory.node_fails[name] = sorted(fails)[-8:]
        else:
            memory.node_fails.pop(name, None)
        others = [result.at for result in found.probes if result.passed and result.target != name]
        # A probe that fails was begun some ten seconds earlier: what passed meanwhile is no proof against it.
        if len(fails) > 1 and any(min(fails) < at < max(fails) - _PROBE_SECONDS for at in others):
            dead[name] = min(fails)
    for silent in _silent_homes(found, homes):
        among_well = silent.stretches > _ENDS and _others_well(found, homes, silent.node)
        if silent.stretches > 1 and silent.asked >= (_SILENT_AMONG_WELL if among_well else _SILENT_NODE):
            dead.setdefault(silent.node, silent.since)
    if not dead:
        return None
    failing = [result for result in found.failed if result.target in dead]
    return PathHealth(
        PathState.NODES, min(dead.values()), found.passed_at, tuple(_told(failing, found.now)), tuple(sorted(dead))
    )


def _others_well(found: Evidence, homes: AddressIndex, name: str) -> bool:
    """Whether nearly all connections to other nodes of a node's cluster are answered."""
    cluster = name.partition("/")[0]
    tally = found.forth if cluster == found.other.name else found.back
    vain = sum(count for address, count in tally.vain.items() if homes.get(address) != name)
    return tally.answered >= _SILENT_AMONG_WELL and tally.answered >= _WELL * (tally.answered + vain)


def _silent_homes(found: Evidence, homes: AddressIndex) -> Iterable[_Silent]:
    """Nodes whose servers were asked in vain while another node's answered."""
    for course in found.courses:
        counts: dict[str, list[float]] = {}
        total: dict[str, int] = {}
        for number, tally in course.buckets:
            at = float(number * BUCKET_SECONDS)
            alive = {homes.get(address) for address in tally.reached}
            silent = {homes.get(address) for address in tally.vain} - alive - {""}
            for name in alive:
                counts.pop(name, None)
            for name in silent if alive and at > found.now - WINDOW - BUCKET_SECONDS else ():
                counts.setdefault(name, []).append(tally.first_failed)
                asked = sum(count for address, count in tally.vain.items() if homes.get(address) == name)
                total[name] = total.get(name, 0) + asked
        for name, times in counts.items():
            yield _Silent(name, total[name], times[0], len(times))


def _open(found: Evidence, memory: Memory) -> PathHealth:
    names = found.one.name, found.other.name
    passed_at, now = found.passed_at, found.now
    latency, _ = probed_ms(found.pods, now)
    failed = found.failed
    filtered = found.hosts_filtered
    memory.usual((*names, "probes"), latency, well=now - passed_at <= EARNED_SECONDS)
    memory.usual((*names, "flows"), flowing_ms(found)[0], well=True)
    memory.usual((*names, "node addresses"), probed_ms(found.hosts, now)[0], well=True)
    if not passed_at:
        return PathHealth(PathState.UNKNOWN)
    newest = max(passed_at, found.control_at, found.hosts_passed_at)
    interval = max((r.interval for c in (found.one, found.other) for r in c.health.values()), default=0.0)
    earned = now - passed_at <= EARNED_SECONDS or (
        now - newest <= EARNED_SECONDS and now - passed_at <= interval + EARNED_SECONDS / 4
    )
    if not earned:
        return PathHealth(PathState.STALE, passed_at, passed_at, hosts_filtered=filtered)
    young = [result for result in failed if now - result.at <= EARNED_SECONDS + 30]
    vain = sum(course.losses_since(now - 20.0) for course in found.courses)
    state = PathState.RECOVERING if young or vain else PathState.OPEN
    return PathHealth(
        state, passed_at, passed_at, tuple(_told(young, now)), latency_ms=latency, hosts_filtered=filtered
    )
