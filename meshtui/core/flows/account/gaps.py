"""Gaps: stretches of time of which events are missing or came late, and how many are missing, node by node."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.flows.account.account import FlowAccount, Growth, total

_PATIENCE_NS = 120_000_000_000
"""How long after a gap its nodes may take to be counted."""
_NEAR_NS = 10_000_000_000
"""Silent losses of one source that follow each other so soon are one gap."""
_NAMED = 4
"""Nodes that are named at most."""
_RECENT = 50
"""Older gaps stay as they are."""
_CONFIRMED = 2
"""Readings that must agree."""


class Missing(Struct, frozen=True):
    """How many events of a gap are missing of one node."""

    node: str
    least: int
    most: int | None
    """Equal to `least`, but for nodes that are never quiet. None: at least so many; with 0, nobody can know."""
    why: str = ""
    """Why nobody can know."""


class Gap(Struct, frozen=True):
    """A stretch of time of which one source's events are missing or were late."""

    source: str
    """Context whose Relay or agents failed."""
    start_ns: int
    end_ns: int | None = None
    """None while the source is still away."""
    lost: bool = True
    """False when, after reconnecting, the source still held everything of the stretch."""
    cause: str = ""
    counting: bool = False
    """Whether how much is missing is still being found out."""
    counted: bool = False
    """Whether `missing` is known for every node the source delivered."""
    missing: tuple[Missing, ...] = ()
    """Only nodes of which events are missing, or of which nobody can know."""
    silent: bool = False
    """The source was there all the time, and yet events never came."""

    @property
    def least(self) -> int:
        """Events that are missing, as far as that can be counted."""
        return sum(missing.least for missing in self.missing)


def sentence(gap: Gap) -> str:
    """`tion's source away for 12.0 s: nothing missing`. Unclean: a source's and its nodes' names are the cluster's."""
    return f"{absence(gap)}: {fate(gap)}"


def absence(gap: Gap) -> str:
    """`tion's source away for 12.0 s`; `tion, without a break` when its source was there all the time."""
    if gap.silent:
        return f"{gap.source}, without a break"
    if gap.end_ns is None:
        return f"{gap.source}'s source"
    return f"{gap.source}'s source away for {(gap.end_ns - gap.start_ns) / 1e9:.1f} s"


def fate(gap: Gap) -> str:
    """What became of a gap's events: `1,240 events missing: worker 1,200, worker2 40`, `nothing missing`…"""
    if gap.end_ns is None:
        return "still away"
    if gap.counting:
        return "being counted"
    if not gap.counted:
        return "events may be missing" if gap.lost else "nothing missing"
    counted = [missing for missing in gap.missing if missing.least or missing.most]
    unknown = [missing for missing in gap.missing if not missing.least and missing.most is None]
    parts = []
    if counted:
        what = amount(sum(m.least for m in counted), _most(counted))
        events = "event" if what == "1" else "events"
        where = _several([f"{_node(m)} {amount(m.least, m.most)}" for m in counted])
        parts.append(f"{what} {events} {'never came' if gap.silent else 'missing'}: {where}")
    if unknown:
        parts.append(f"not known of {_several([_node(m) for m in unknown])}: {unknown[0].why}")
    return "; ".join(parts) or "nothing missing"


def amount(least: int, most: int | None) -> str:
    """`1,240`, `1,240 to 1,250` or `at least 1,240`."""
    if most is None:
        return f"at least {least:,}"
    return f"{least:,}" if most <= least else f"{least:,} to {most:,}"


def missing_in_all(gaps: Iterable[Gap]) -> str:
    """How many events are missing in all gaps together; empty when none is known to be."""
    counted = [missing for gap in gaps for missing in gap.missing if missing.least]
    return amount(sum(missing.least for missing in counted), _most(counted)) if counted else ""


def _most(counted: Iterable[Missing]) -> int | None:
    each = [missing.most for missing in counted]
    bounds = [most for most in each if most is not None]
    return sum(bounds) if len(bounds) == len(each) else None


def _node(missing: Missing) -> str:
    return missing.node.partition("/")[2] or missing.node


def _several(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def judge(gaps: deque[Gap], account: FlowAccount, now_ns: int, *, closed: bool = True) -> bool:
    """Say of each gap what the accounts know, and add those that only the accounts know of; whether anything changed.

    A gap of which they know nothing stays as it is. `closed`: whether one was closed since the last time.
    """
    before = list(gaps)
    ends = ((gap.source, at_ns) for gap in before if not gap.silent for at_ns in (gap.start_ns, gap.end_ns))
    news = account.reckon(now_ns, [(source, at_ns) for source, at_ns in ends if at_ns is not None])
    if not (news or closed or any(gap.counting for gap in before[-_RECENT:])):
        return False
    for at, gap in list(enumerate(before))[-_RECENT:]:
        if not gap.silent:
            others = [other for other in before[-_RECENT:] if not other.silent and other is not gap]
            gaps[at] = _judged(gap, others, account, now_ns)
    _silent(gaps, account)
    return list(gaps) != before


def _judged(gap: Gap, others: Sequence[Gap], account: FlowAccount, now_ns: int) -> Gap:
    end_ns = gap.end_ns
    if end_ns is None or (gap.counted and _rolled(gap, account)):
        return gap
    based = _based(gap, account)
    if not based and not any(_restarted(gap, node, account) for node in account.nodes()):
        return replace(gap, counting=False)
    found = [*_unknown(gap, based, account)]
    for node in based:
        if sum(mark.reading.at_ns > end_ns for mark in account.checked(node, now_ns)) < _CONFIRMED:
            return gap if gap.counted else replace(gap, counting=now_ns - end_ns < _PATIENCE_NS)
        grown = [g for g in account.account(node).growth.values() if gap.start_ns <= g.end_ns and g.start_ns < end_ns]
        if any(_later(growth, gap, others) for growth in grown):
            return replace(gap, counting=False)  # told with the later gap, in one number
        if grown:
            found.append(Missing(node, *total(grown)))
    found.sort(key=lambda missing: (-missing.least, missing.node))
    return replace(gap, lost=bool(found), counting=False, counted=True, missing=tuple(found))


def _based(gap: Gap, account: FlowAccount) -> list[str]:
    """Nodes that the source delivered when it went away, and whose accounts reach from there on."""
    return [node for node in account.nodes() if _feeder_at(gap.start_ns, node, account) == gap.source]


def _feeder_at(time_ns: int, node: str, account: FlowAccount) -> str:
    before = [mark for mark in account.account(node).marks if mark.reading.at_ns <= time_ns]
    return before[-1].feeder if before else ""


def _rolled(gap: Gap, account: FlowAccount) -> bool:
    """Whether an account no longer, or not yet, reaches back to a gap: then what was found out stays."""
    return any(account.account(node).marks[0].reading.at_ns > gap.start_ns for node in account.nodes())


def _unknown(gap: Gap, based: Sequence[str], account: FlowAccount) -> list[Missing]:
    """Nodes of the source that cannot be counted."""
    clusters = {node.partition("/")[0] for node in based}
    found = []
    for node in account.nodes():
        known = account.account(node)
        if node in based:
            continue
        if _restarted(gap, node, account):
            found.append(Missing(node, 0, None, "its agent started anew"))
        elif known.marks[0].reading.at_ns > gap.start_ns and known.marks[0].feeder == gap.source:
            found.append(Missing(node, 0, None, "not counted before"))
    uncounted = account.heard().difference(account.nodes())
    return found + [
        Missing(node, 0, None, "cannot be counted") for node in uncounted if node.partition("/")[0] in clusters
    ]


def _restarted(gap: Gap, node: str, account: FlowAccount) -> bool:
    """Whether a node's agent started anew between the last reading before a gap and the first after it."""
    return any(
        feeder == gap.source and last <= (gap.end_ns or gap.start_ns) and first >= gap.start_ns
        for last, first, feeder in account.account(node).restarted
    )


def _later(growth: Growth, gap: Gap, others: Sequence[Gap]) -> bool:
    """Whether another gap of the same source follows before the reading that showed the growth."""
    return any(other.source == gap.source and gap.start_ns < other.start_ns <= growth.end_ns for other in others)


def _silent(gaps: deque[Gap], account: FlowAccount) -> None:
    """Growth that no gap covers: the source was there, and nobody said that events are missing.

    Growth by one is left alone: the entry that a ring holds back may look like it.
    """
    found = {(gap.source, gap.start_ns, gap.end_ns): gap for gap in _unheard(gaps, account)}
    for at, gap in reversed(list(enumerate(gaps))):
        key = gap.source, gap.start_ns, gap.end_ns
        if gap.silent and key in found:
            gaps[at] = found.pop(key)
        elif gap.silent and _still_known(gap, account):
            del gaps[at]
    gaps.extend(found.values())


def _unheard(gaps: Iterable[Gap], account: FlowAccount) -> list[Gap]:
    """A gap for each stretch in which nodes of one source lost events in silence."""
    loud = [gap for gap in gaps if not gap.silent]
    parts: list[tuple[str, Growth, str]] = []
    for node in account.nodes():
        known = account.account(node)
        feeders = {mark.reading.at_ns: mark.feeder for mark in known.marks}
        for growth in known.growth.values():
            feeder = feeders.get(growth.end_ns)
            if not feeder or growth.most in (0, 1):
                continue
            if not _covered(growth, {feeder, feeders.get(growth.start_ns)}, loud):
                parts.append((feeder, growth, node))
    parts.sort(key=lambda part: (part[0], part[1].start_ns))
    found: list[Gap] = []
    growths: dict[str, list[Growth]] = {}
    for feeder, growth, node in parts:
        last = found[-1] if found else None
        if last is None or last.source != feeder or growth.start_ns > (last.end_ns or 0) + _NEAR_NS:
            growths = {}
            found.append(Gap(feeder, growth.start_ns, counted=True, silent=True))
        growths.setdefault(node, []).append(growth)
        end_ns = max(growth.end_ns, found[-1].end_ns or 0)
        missing = tuple(Missing(name, *total(grown)) for name, grown in sorted(growths.items()))
        found[-1] = replace(found[-1], end_ns=end_ns, missing=missing)
    return found


def _covered(growth: Growth, sources: Iterable[str | None], gaps: Sequence[Gap]) -> bool:
    known = set(sources)
    return any(
        gap.source in known and gap.start_ns <= growth.end_ns and (gap.end_ns is None or gap.end_ns >= growth.start_ns)
        for gap in gaps
    )


def _still_known(gap: Gap, account: FlowAccount) -> bool:
    """Whether the accounts still reach back to a gap: if they no longer tell of it, its events came after all."""
    ends = [
        mark.reading.at_ns for m in gap.missing if m.node in account.nodes() for mark in account.account(m.node).marks
    ]
    return gap.end_ns in ends
