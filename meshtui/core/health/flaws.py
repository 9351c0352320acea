"""What is wrong with a way on which packets do pass: some are lost, large ones are, all are slow; several at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nlargest
from statistics import median

from msgspec.structs import replace

from meshtui.core.health.agentreports import SAMPLES, ProbeResults
from meshtui.core.health.memory import Memory
from meshtui.core.health.model import EARNED_SECONDS
from meshtui.core.health.pathhealth import LOSSES, WINDOW, Evidence, PathHealth, PathState

_RECENT = 15.0
_STALLS, _STALL_SHARE = 3, 0.08
_STALLS_OVER = 25.0
"""Seconds without a stall after which large packets count as passing again."""
_LOSSY_STALLS, _LOSSY_SHARE = 5, 0.15
"""Where packets are lost anyway, a few connections stall by chance (recording 08: 1 of 29)."""
_SLOWER_TIMES, _SLOWER_MS = 4.0, 50.0
_REPEATED, _YOUNG = 2, 150.0
_SENT, _ARRIVING = 12, 0.92
"""One way only: packets that do arrive, arrive all of them (recording 02: 19 of 19) unless some are lost."""


def together(found: Sequence[PathHealth]) -> PathHealth | None:
    """All that is wrong with a way, the first as the main thing; None when nothing is."""
    return replace(found[0], also=tuple(found[1:])) if found else None


def flaws(found: Evidence, memory: Memory, dead: set[str]) -> list[PathHealth]:
    """Everything wrong with a way that is open. `dead`: addresses of which nobody expects an answer."""
    lossy = _lossy(found, dead)
    every = (lossy, _large(found, lossy is not None), _slow(found, memory, ("flows", "probes")))
    return [flaw for flaw in every if flaw is not None]


def flaws_beside(lost: PathHealth, found: Evidence, memory: Memory) -> Iterable[PathHealth]:
    """What can still be seen of a way that is not open: on node addresses when only pods' packets are lost, and of
    the direction that passes when it is one.
    """
    if lost.state is PathState.OVERLAY:
        every = (_asked_again(found, lost), _large_by_etcd(found), _slow(found, memory, ("node addresses",)))
        yield from (flaw for flaw in every if flaw is not None)
    elif lost.state is PathState.ONE_WAY and lost.passing[0] >= _SENT:
        sent, arrived = lost.passing
        if sent - arrived >= LOSSES and arrived <= _ARRIVING * sent:
            start, end = lost.blocked
            words = f"{end} → {start}: {sent - arrived} of {sent} handshake packets did not arrive"
            yield PathHealth(PathState.LOSSY, lost.since, lost.passed_at, (words,), share=1 - arrived / sent)


def _lossy(found: Evidence, dead: set[str]) -> PathHealth | None:
    """`dead`: addresses of which nobody expects an answer."""
    since = found.now - WINDOW
    losses = found.losses(since)
    # A link that heals shows one beginning of loss each way; one that loses packets shows them all along.
    if losses < LOSSES or found.losses(found.now - WINDOW / 2) == 0:
        return None
    both = [found.forth, found.back]
    in_vain = sum(count for tally in both for address, count in tally.vain.items() if address not in dead)
    suffered = in_vain + sum(tally.repeated for tally in both)
    asked = sum(tally.answered + tally.silent for tally in both)
    if suffered < LOSSES or suffered < 0.05 * asked:
        return None
    share = suffered / asked
    words = f"{suffered} of {asked} connections were lost or had to ask again in the last {WINDOW:.0f} s"
    first = min(course.losses[0] for course in found.courses if course.losses)
    return PathHealth(PathState.LOSSY, max(first, since), found.passed_at, (words,), share=share)


def _asked_again(found: Evidence, lost: PathHealth) -> PathHealth | None:
    """Packets between node addresses are lost as well, as far as probes since had to send some again."""
    probes = (result for each in found.hosts for result in each.seen if result.passed)
    young = [result for result in probes if result.at > lost.since and found.now - result.at <= _YOUNG]
    again = [result for result in young if result.repeated]
    if len(again) < _REPEATED:
        return None
    words = f"{len(again)} of {len(young)} probes of node addresses had to send a packet again"
    first = min(result.at for result in again)
    return PathHealth(PathState.LOSSY, first, found.passed_at, (words,), share=len(again) / len(young))


def _large(found: Evidence, lossy: bool) -> PathHealth | None:
    """Handshakes pass, and what is larger does not: of requests, or of TLS to the other's etcd."""
    by_etcd = None if lossy else _large_by_etcd(found)
    both = [found.forth, found.back]
    stalled, served = sum(t.stalled for t in both), sum(t.served for t in both)
    stalls, share = (_LOSSY_STALLS, _LOSSY_SHARE) if lossy else (_STALLS, _STALL_SHARE)
    last = max(t.last_stalled for t in both)
    stalls_now = stalled >= stalls and stalled >= share * (stalled + served) and found.now - last <= _STALLS_OVER
    if by_etcd is None and not stalls_now:
        return None
    since = by_etcd.since if by_etcd else found.now - WINDOW
    evidence = list(by_etcd.evidence) if by_etcd else []
    if stalled:
        evidence.append(f"{stalled} of {stalled + served} connections were answered, then no data came")
    part = stalled / (stalled + served) if stalled else 0.0
    return PathHealth(
        PathState.LARGE, since, found.passed_at, tuple(evidence), share=part, etcd_hangs=found.large_at > 0
    )


def _large_by_etcd(found: Evidence) -> PathHealth | None:
    if not found.large_at:
        return None
    words = "TCP to the other cluster's etcd connects, its TLS handshake hangs"
    return PathHealth(PathState.LARGE, found.large_at, found.passed_at, (words,), etcd_hangs=True)


def _slow(found: Evidence, memory: Memory, sources: Iterable[str]) -> PathHealth | None:
    """Slower than it used to be. Flows tell within seconds, so what they say outweighs the probes."""
    names = found.one.name, found.other.name
    for source in sources:
        latency, samples = _measured(found, source)
        usual = memory.latency_ms.get((*names, source))
        if latency is None or usual is None or samples < SAMPLES:
            continue
        if latency <= _SLOWER_TIMES * usual or latency <= usual + _SLOWER_MS:
            return None
        evidence = f"{latency:.0f} ms there and back, {usual:.1f} ms before ({source})"
        return PathHealth(PathState.SLOW, found.now, found.passed_at, (evidence,), latency_ms=latency, usual_ms=usual)
    return None


def _measured(found: Evidence, source: str) -> tuple[float | None, int]:
    if source == "flows":
        return flowing_ms(found)
    return probed_ms(found.hosts if source == "node addresses" else found.pods, found.now)


def probed_ms(results: Iterable[ProbeResults], now: float) -> tuple[float | None, int]:
    """Median of the newest passing probes, and of how many."""
    young = [result for each in results for result in each.newest if now - result.at <= EARNED_SECONDS]
    passing = nlargest(SAMPLES, young, key=lambda s: s.at)
    newest = [s.latency_ms for s in passing if s.latency_ms is not None]
    return (median(newest), len(newest)) if newest else (None, 0)


def flowing_ms(found: Evidence) -> tuple[float | None, int]:
    """Median of the newest connections, and of how many."""
    recent = [course.since(found.now - _RECENT) for course in found.courses]
    times = [each for tally in recent for each in tally.latencies]
    return (median(times), len(times)) if times else (None, 0)
