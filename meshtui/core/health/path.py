"""Do packets pass between two clusters' nodes and pods? From every probe either way, and from flows.

A probe is a question and an answer, so each proves both directions. The newest evidence decides: probes of a node are
made every 132 s only, so a failed one that anything newer contradicts is no alarm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from statistics import median

from meshtui.core.health.memory import Memory
from meshtui.core.health.model import EARNED_SECONDS
from meshtui.core.health.tally import Course, Tally
from meshtui.core.health.traffic import Traffic
from meshtui.core.model.probes import Path, whole
from meshtui.core.model.state import Cluster
from meshtui.core.model.troubleshoot import Step

WINDOW = 60.0
"""Seconds of flows that are looked at."""
_RELEVANT = 330.0
"""A probe older than two and a half intervals says nothing any more."""
_VAIN_AT_ONCE, _VAIN_IN_TIME, _IN_TIME = 4, 2, 6.0
_LOSSES = 3
_STALLS, _STALL_SHARE = 3, 0.08
_SLOWER_TIMES, _SLOWER_MS, _SAMPLES = 4.0, 50.0, 3


class Way(Enum):
    """What is known of the way between two clusters."""

    OPEN = "open"
    RECOVERING = "recovering"
    UNKNOWN = "unknown"
    STALE = "stale"
    CUT = "cut"
    ONE_WAY = "one way"
    OVERLAY = "overlay"
    NODES = "some nodes"
    LOSSY = "lossy"
    LARGE = "large packets"
    SLOW = "slow"

    @property
    def bad(self) -> bool:
        """Whether requests suffer."""
        return self not in (Way.OPEN, Way.RECOVERING, Way.UNKNOWN, Way.STALE)


@dataclass(frozen=True, slots=True)
class Sight:
    """One agent's newest probe of one remote node, by one path."""

    at: float
    passed: bool
    prober: str
    target: str
    error: str
    latency_ms: float | None
    """The faster of HTTP and ICMP: what the network takes, without a busy agent's part."""


@dataclass(frozen=True, slots=True)
class WayState:
    """What is known of the way between two clusters, with its evidence."""

    way: Way
    since: float = 0.0
    passed_at: float = 0.0
    """When a packet is known to have gone there and back last."""
    evidence: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    """`cluster/node` of those that are not reached, when it is about some nodes."""
    blocked: tuple[str, str] = ("", "")
    """Names of the clusters from and to which nothing passes, when it is one way only."""
    latency_ms: float | None = None
    usual_ms: float | None = None
    share: float = 0.0
    """Of the connections asked for in the window, how many suffered."""
    hosts_filtered: bool = False
    """Pods answer probes, node addresses do not: the probe's port is filtered."""


def sights(prober: Cluster, target: str, *, host: bool) -> list[Sight]:
    """The newest probes of a remote cluster's nodes by each agent of `prober`."""
    found = []
    for report in prober.health.values():
        for node in report.nodes:
            path = node.host if host else whole(node)
            if node.name.partition("/")[0] == target and path.known and path.at:
                found.append(_sight(path, report.local, node.name))
    return found


def _sight(path: Path, prober: str, target: str) -> Sight:
    times = [probe.latency_ms for probe in (path.http, path.icmp) if probe.latency_ms is not None]
    return Sight(path.at, path.passed, prober, target, path.http.error or path.icmp.error, min(times, default=None))


@dataclass(slots=True)
class _Evidence:
    """All that is known of one pair of clusters."""

    one: Cluster
    other: Cluster
    pods: list[Sight]
    hosts: list[Sight]
    courses: list[Course]
    forth: Tally
    back: Tally
    now: float
    control_at: float
    """When an etcd client's packets went through last, either way."""
    large_at: float
    """When a TLS handshake hung after TCP had connected, either way; 0 when none did."""

    @property
    def passed_at(self) -> float:
        """When a packet between pods went there and back last."""
        probes = [sight.at for sight in self.pods if sight.passed]
        return max([*probes, *(course.last_passed for course in self.courses)], default=0.0)

    @property
    def vain(self) -> tuple[int, float]:
        """Connections in vain since any was answered, and since when."""
        passed = max((course.last_passed for course in self.courses), default=0.0)
        running = [course for course in self.courses if course.in_vain and course.vain_since > passed - 1.0]
        return sum(course.in_vain for course in running), min((c.vain_since for c in running), default=0.0)

    def losses(self, since: float) -> int:
        """How often packets began to be lost since."""
        return sum(course.losses_since(since) for course in self.courses)


def way_between(
    one: Cluster, other: Cluster, traffic: Traffic, now: float, memory: Memory, homes: dict[str, str]
) -> WayState:
    """The way between two clusters. `homes`: pod address → `cluster/node`."""
    found = _gather(one, other, traffic, now)
    lost = _lost(found, homes)
    if lost is not None:
        return lost
    partly = _some_nodes(found, memory, homes)
    if partly is not None:
        return partly
    flawed = _lossy(found) or _large(found) or _slow(found, memory)
    if flawed is not None:
        return flawed
    return _open(found, memory)


def _gather(one: Cluster, other: Cluster, traffic: Traffic, now: float) -> _Evidence:
    both = ((one, other.name), (other, one.name))
    pods = [sight for who, whom in both for sight in sights(who, whom, host=False) if now - sight.at <= _RELEVANT]
    hosts = [sight for who, whom in both for sight in sights(who, whom, host=True) if now - sight.at <= _RELEVANT]
    pairs = ((one.name, other.name), (other.name, one.name))
    tried = [who.troubleshot[whom] for who, whom in both if whom in who.troubleshot]
    hung = [each.at for each in tried if each.step is Step.TLS and "deadline" in each.error]
    return _Evidence(
        one,
        other,
        pods or hosts,
        hosts,
        [traffic.pairs[pair] for pair in pairs if pair in traffic.pairs],
        traffic.pair(*pairs[0], now - WINDOW),
        traffic.pair(*pairs[1], now - WINDOW),
        now,
        max((each.at for each in tried if each.step in (Step.NONE, Step.TLS)), default=0.0),
        max((at for at in hung if now - at <= 2 * EARNED_SECONDS), default=0.0),
    )


def _lost(found: _Evidence, homes: dict[str, str]) -> WayState | None:
    """Everything since some moment is lost."""
    passed_at = found.passed_at
    failing = [sight for sight in found.pods if not sight.passed and sight.at > passed_at]
    vain, vain_since = found.vain
    by_flows = vain >= _VAIN_AT_ONCE or (vain >= _VAIN_IN_TIME and found.now - vain_since >= _IN_TIME)
    by_flows = by_flows and vain_since > passed_at - 1.0 and found.now - vain_since < 2 * EARNED_SECONDS
    if not failing and not by_flows:
        return None
    starts = [sight.at for sight in failing] + ([vain_since] if by_flows else [])
    since = min(starts)
    evidence = [*_told(failing, found.now)]
    if by_flows:
        evidence.append(f"{vain} connections asked for and none answered since")
    nodes = _only_node(failing, found, homes) if not by_flows or failing else ()
    if by_flows and not failing:
        nodes = _homes_of(found, homes)
    blocked = _one_way(found, since)
    if blocked:
        return WayState(Way.ONE_WAY, since, passed_at, (*evidence, *_counted(found)), blocked=blocked)
    hosts_passed = max((sight.at for sight in found.hosts if sight.passed), default=0.0)
    hosts_failed = max((sight.at for sight in found.hosts if not sight.passed), default=0.0)
    if found.pods is not found.hosts and max(hosts_passed, found.control_at) > max(since, hosts_failed):
        proof = "the other cluster's etcd" if found.control_at >= hosts_passed else "node addresses"
        return WayState(Way.OVERLAY, since, passed_at, (*evidence, f"{proof} answered meanwhile"))
    return WayState(Way.CUT, since, passed_at, tuple(evidence), nodes)


def _told(failing: Iterable[Sight], now: float) -> list[str]:
    """Each failed probe in a line, newest first."""
    ordered = sorted(failing, key=lambda sight: -sight.at)
    return [f"{s.prober} → {s.target}: {s.error}, probed {now - s.at:.0f} s ago" for s in ordered[:6]]


def _only_node(failing: list[Sight], found: _Evidence, homes: dict[str, str]) -> tuple[str, ...]:
    """The one node that all failed probes have in common, when there are others that were not tried since."""
    if not failing:
        return ()
    common = {failing[0].prober, failing[0].target}.intersection(*({s.prober, s.target} for s in failing))
    return tuple(sorted(common)) if len(failing) > 1 and len(common) == 1 else ()


def _homes_of(found: _Evidence, homes: dict[str, str]) -> tuple[str, ...]:
    """The one node that all silent servers are on, when others of its cluster are known to serve."""
    silent = {homes.get(address, "") for tally in (found.forth, found.back) for address in tally.vain}
    return tuple(silent) if len(silent) == 1 and "" not in silent else ()


def _one_way(found: _Evidence, since: float) -> tuple[str, str] | tuple[()]:
    """(from, to) when packets one way are seen to leave and never to arrive, and those the other way do arrive."""
    forth, back = found.forth, found.back
    there = (forth.forth_sent + back.back_sent, forth.forth_seen + back.back_seen)
    here = (back.forth_sent + forth.back_sent, back.forth_seen + forth.back_seen)
    names = found.one.name, found.other.name
    if there[0] >= _LOSSES and here[0] >= _LOSSES:
        if there[1] <= 0.05 * there[0] and here[1] >= 0.6 * here[0]:
            return names
        if here[1] <= 0.05 * here[0] and there[1] >= 0.6 * there[0]:
            return names[1], names[0]
    return ()


def _counted(found: _Evidence) -> tuple[str, ...]:
    forth, back = found.forth, found.back
    names = found.one.name, found.other.name
    there = forth.forth_sent + back.back_sent, forth.forth_seen + back.back_seen
    here = back.forth_sent + forth.back_sent, back.forth_seen + forth.back_seen
    return (
        f"{names[0]} → {names[1]}: {there[0]} handshake packets left, {there[1]} arrived",
        f"{names[1]} → {names[0]}: {here[0]} handshake packets left, {here[1]} arrived",
    )


def _some_nodes(found: _Evidence, memory: Memory, homes: dict[str, str]) -> WayState | None:
    """Nodes that fail again and again while others pass in between."""
    dead: dict[str, float] = {}
    names = {sight.target for sight in found.pods} | {sight.prober for sight in found.pods}
    for name in sorted(names):
        mine = [sight for sight in found.pods if sight.target == name]
        passed = max((sight.at for sight in mine if sight.passed), default=0.0)
        fails = {sight.at for sight in mine if not sight.passed and sight.at > passed}
        fails |= {at for at in memory.node_fails.get(name, ()) if at > passed and found.now - at < 2 * _RELEVANT}
        memory.node_fails[name] = sorted(fails)[-8:]
        others = [sight.at for sight in found.pods if sight.passed and sight.target != name]
        if len(fails) > 1 and any(min(fails) < at < max(fails) for at in others):
            dead[name] = min(fails)
    for name, count, first in _silent_homes(found, homes):
        if count >= _LOSSES:
            dead.setdefault(name, first)
    if not dead:
        return None
    failing = [sight for sight in found.pods if not sight.passed and sight.target in dead]
    return WayState(
        Way.NODES, min(dead.values()), found.passed_at, tuple(_told(failing, found.now)), tuple(sorted(dead))
    )


def _silent_homes(found: _Evidence, homes: dict[str, str]) -> Iterable[tuple[str, int, float]]:
    """Nodes all of whose servers were asked in vain, while another node's answered."""
    for tally in (found.forth, found.back):
        silent: dict[str, int] = {}
        for address, count in tally.vain.items():
            silent[homes.get(address, "")] = silent.get(homes.get(address, ""), 0) + count
        alive = {homes.get(address, "") for address in tally.reached if tally.reached[address] > tally.first_failed}
        for name, count in silent.items():
            if name and name not in alive and alive:
                yield name, count, tally.first_failed


def _lossy(found: _Evidence) -> WayState | None:
    since = found.now - WINDOW
    losses = found.losses(since)
    # A link that heals shows one beginning of loss each way; one that loses packets shows them all along.
    if losses < _LOSSES or found.losses(found.now - WINDOW / 2) == 0:
        return None
    both = [found.forth, found.back]
    suffered = sum(tally.silent + tally.repeated for tally in both)
    asked = sum(tally.answered + tally.silent for tally in both)
    if suffered < _LOSSES or suffered < 0.05 * asked:
        return None
    share = suffered / asked
    words = f"{suffered} of {asked} connections were lost or had to ask again in the last {WINDOW:.0f} s"
    first = min(course.losses[0] for course in found.courses if course.losses)
    return WayState(Way.LOSSY, max(first, since), found.passed_at, (words,), share=share)


def _large(found: _Evidence) -> WayState | None:
    """Handshakes pass, and what is larger does not: of requests, or of TLS to the other's etcd."""
    both = [found.forth, found.back]
    stalled, served = sum(t.stalled for t in both), sum(t.served for t in both)
    by_flows = stalled >= _STALLS and stalled >= _STALL_SHARE * (stalled + served)
    if not by_flows and not found.large_at:
        return None
    evidence = []
    if found.large_at:
        evidence.append("TCP to the other cluster's etcd connects, its TLS handshake hangs")
    if stalled:
        evidence.append(f"{stalled} of {stalled + served} connections were answered, then no data came")
    share = stalled / (stalled + served) if stalled else 0.0
    firsts = [at for at in (found.large_at,) if at]
    since = min(firsts, default=found.now - WINDOW)
    return WayState(Way.LARGE, since, found.passed_at, tuple(evidence), share=share)


def _slow(found: _Evidence, memory: Memory) -> WayState | None:
    names = found.one.name, found.other.name
    for source, latency, samples in (("probes", *_probed_ms(found)), ("flows", *_flowing_ms(found))):
        usual = memory.latency_ms.get((*names, source))
        if latency is None or usual is None or samples < _SAMPLES:
            continue
        if latency > _SLOWER_TIMES * usual and latency > usual + _SLOWER_MS:
            evidence = f"{latency:.0f} ms there and back, {usual:.1f} ms before ({source})"
            return WayState(Way.SLOW, found.now, found.passed_at, (evidence,), latency_ms=latency, usual_ms=usual)
    return None


def _probed_ms(found: _Evidence) -> tuple[float | None, int]:
    """Median of the newest passing probes."""
    young = [s for s in found.pods if s.passed and s.latency_ms is not None and found.now - s.at <= EARNED_SECONDS]
    passing = sorted(young, key=lambda s: -s.at)
    newest = [s.latency_ms for s in passing[:_SAMPLES] if s.latency_ms is not None]
    return (median(newest), len(newest)) if newest else (None, 0)


def _flowing_ms(found: _Evidence) -> tuple[float | None, int]:
    """Median of the connections of the window."""
    times = [*found.forth.latencies, *found.back.latencies]
    return (median(times), len(times)) if times else (None, 0)


def _open(found: _Evidence, memory: Memory) -> WayState:
    names = found.one.name, found.other.name
    passed_at, now = found.passed_at, found.now
    latency, _ = _probed_ms(found)
    failed = [sight for sight in found.pods if not sight.passed]
    filtered = (
        bool(found.hosts)
        and found.pods is not found.hosts
        and not any(sight.passed for sight in found.hosts if now - sight.at <= _RELEVANT)
    )
    memory.usual((*names, "probes"), latency, well=now - passed_at <= EARNED_SECONDS)
    memory.usual((*names, "flows"), _flowing_ms(found)[0], well=True)
    if not passed_at:
        return WayState(Way.UNKNOWN)
    newest = max([passed_at, found.control_at, *(sight.at for sight in found.hosts if sight.passed)])
    interval = max((r.interval for c in (found.one, found.other) for r in c.health.values()), default=0.0)
    earned = now - passed_at <= EARNED_SECONDS or (
        now - newest <= EARNED_SECONDS and now - passed_at <= interval + EARNED_SECONDS / 4
    )
    if not earned:
        return WayState(Way.STALE, passed_at, passed_at, hosts_filtered=filtered)
    young = [sight for sight in failed if now - sight.at <= EARNED_SECONDS + 30]
    vain = sum(course.losses_since(now - 20.0) for course in found.courses)
    way = Way.RECOVERING if young or vain else Way.OPEN
    return WayState(way, passed_at, passed_at, tuple(_told(young, now)), latency_ms=latency, hosts_filtered=filtered)
