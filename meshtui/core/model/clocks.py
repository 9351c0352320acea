"""How far other clocks are from this machine's: flows, `--since` and every "last minute" depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from msgspec import Struct

from meshtui.core.model.state import Cluster, Mesh

TOLERANCE = 5.0
"""Seconds two clocks may differ without anything that is said becoming wrong."""
_SAME = 2.0
"""Seconds within which two offsets are one: every API server tells whole seconds."""


def date_told(header: str) -> float | None:
    """A `Date` header in seconds since the epoch; None where there is none, or none that can be read."""
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):
        return None


def proven_offset(date: float, sent: float, received: float) -> float:
    """Seconds that a server's clock is ahead of ours, at least; negative: behind; 0 as long as both may agree.

    `date` is its answer's `Date` header, which leaves out the part of a second (RFC 9110, 5.6.7); the answer was made
    between `sent` and `received` by our clock.
    """
    if date > received:
        return date - received
    return min(0.0, date + 1.0 - sent)


def is_off(seconds: float) -> bool:
    """Whether an offset is more than what is said can bear."""
    return abs(seconds) > TOLERANCE


def shown(seconds: float) -> str:
    """`40 s ahead of`, `3 min behind`."""
    size = abs(seconds)
    amount = f"{size:.0f} s" if size < 120 else f"{size / 60:.0f} min" if size < 7200 else f"{size / 3600:.0f} h"
    return f"{amount} {'ahead of' if seconds > 0 else 'behind'}"


class ClockOffset(Struct, frozen=True):
    """A clock that is off, in words, and whose."""

    sentence: str
    contexts: tuple[str, ...]
    object: str
    """The cluster, or `cluster/node`."""
    evidence: tuple[str, ...]
    advice: str


def off(mesh: Mesh) -> Iterator[ClockOffset]:
    """Every clock that is off; ours is meant where all API servers agree against it."""
    away = [cluster for cluster in mesh.clusters.values() if is_off(cluster.clock_ahead)]
    known = [cluster for cluster in mesh.clusters.values() if cluster.clock_known]
    ours = len(away) > 1 and len(away) == len(known) and _agree(away)
    if ours:
        most = away[0].clock_ahead
        yield ClockOffset(
            f"this machine's clock is {shown(-most)} the clocks of all {len(away)} API servers",
            tuple(cluster.context for cluster in away),
            away[0].name,
            tuple(_told(cluster) for cluster in away),
            "set this machine's clock: timedatectl tells whether it is synchronised",
        )
    for cluster in away if not ours else ():
        yield ClockOffset(
            f"the clock of {cluster.name}'s API server is {shown(cluster.clock_ahead)} this machine's",
            (cluster.context,),
            cluster.name,
            (_told(cluster),),
            "timedatectl, on its control-plane nodes and here, tells which of both is not synchronised",
        )
    for cluster in mesh.clusters.values():
        yield from _nodes(cluster, cluster.clock_ahead if ours else 0.0)


def _nodes(cluster: Cluster, common: float) -> Iterator[ClockOffset]:
    """Nodes whose flows carry times that are off; what all of a mesh are off by is ours."""
    for node, seconds in sorted(cluster.node_clocks.items()):
        if not is_off(seconds - common):
            continue
        yield ClockOffset(
            f"the clock of node {node} is {shown(seconds)} this machine's, by the times of its flows",
            (cluster.context,),
            node,
            (f"its flows' times differ from their arrival by {seconds:+.0f} s",),
            f"timedatectl, on {node.rpartition('/')[2]}, tells whether its clock is synchronised",
        )


def _agree(clusters: list[Cluster]) -> bool:
    offsets = [cluster.clock_ahead for cluster in clusters]
    return max(offsets) - min(offsets) <= _SAME


def _told(cluster: Cluster) -> str:
    return f"{cluster.name}: its answers' Date header differs from the time here by {cluster.clock_ahead:+.0f} s"
