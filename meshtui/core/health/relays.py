"""Relays that run and are held up by a peer they cannot reach: the Relay is well, the peer or the way to it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshtui.core.health.memory import Memory
from meshtui.core.health.model import Cause, Trouble
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Phase

_PATIENCE = 10.0
"""Seconds a Relay may take to tell its nodes."""
_WAYS = frozenset(
    (Cause.LINK_CUT, Cause.ONE_WAY, Cause.OVERLAY_BLOCKED, Cause.MTU, Cause.LOSSY, Cause.SLOW, Cause.NODE_DOWN)
)
"""What keeps a Relay from a peer."""


def held_up(
    clusters: Iterable[Cluster], bad_links: Mapping[frozenset[str], Cause], memory: Memory, now: float
) -> Iterator[Trouble]:
    """One trouble for each Relay that waits. `bad_links`: names of two clusters → what is wrong between them."""
    for cluster in clusters:
        if not cluster.relay.held_up or cluster.api.phase is not Phase.LIVE or cluster.recorded:
            continue
        first = memory.since(("held up", cluster.context), now)
        if now - first >= _PATIENCE:
            yield _trouble(cluster, bad_links, first)


def _trouble(cluster: Cluster, bad_links: Mapping[frozenset[str], Cause], since: float) -> Trouble:
    behind = {
        next(iter(pair - {cluster.name}), cluster.name): cause
        for pair, cause in bad_links.items()
        if cluster.name in pair and cause in _WAYS
    }
    nodes = cluster.relay.nodes_unavailable
    peers = list(dict.fromkeys([*nodes, *([] if nodes else behind)]))
    named = [cause for peer, cause in behind.items() if not nodes or any(n.partition("/")[0] == peer for n in nodes)]
    whom = ", ".join(peers[:3]) or "a peer that it does not name"
    evidence = ["the Relay answers, and does not tell its nodes"]
    evidence += [f"{peer}: {cause.value}" for peer, cause in behind.items()]
    return Trouble(
        Cause.RELAY_HELD_UP,
        Severity.WARNING,
        (cluster.context,),
        f"{cluster.name}/hubble-relay",
        f"{cluster.name}'s Relay is well, but it waits for {whom}, which it cannot reach",
        tuple(evidence),
        f"requests are not affected, and {cluster.name}'s own nodes or agents deliver its flows",
        f"kubectl --context {cluster.context} -n {cluster.home} logs deploy/hubble-relay --tail 20",
        since,
        named[0] if named else None,
    )
