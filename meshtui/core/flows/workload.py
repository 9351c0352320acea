"""What a person calls one side of a flow: its workload and cluster, or what else is known of it."""

from __future__ import annotations

import re
from functools import lru_cache

from meshtui.core.flows.flow import FlowRow, Peer
from meshtui.core.model import identity

_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
"""Kubernetes' alphabet for generated names: no vowels, so that no words arise."""
_REPLICA = re.compile(rf"^(?P<name>.+)-{_RANDOM}{{6,10}}-{_RANDOM}{{5}}$")
_NUMBERED = re.compile(rf"^(?P<name>.+)-(?:{_RANDOM}{{5}}|\d+)$")

_KEPT = 4_096
"""Names of pods that talked last. Of more that talk at once some are worked out again for each flow: 2 µs."""


@lru_cache(maxsize=_KEPT)
def workload_of_pod(pod: str) -> str:
    """The workload a generated pod name points to: `x-wing-689bd74994-8wv5f` → `x-wing`.

    Hubble tells workloads only where the observing node runs the pod; for the other side the name must do.
    """
    match = _REPLICA.match(pod) or _NUMBERED.match(pod)
    return match["name"] if match else pod


def party(row: FlowRow, destination: bool) -> str:
    """`namespace/workload@cluster`, else the reserved identity, a DNS name or the address."""
    peer = row.destination if destination else row.source
    if peer.pod:
        return _named(peer)
    names = row.destination_names if destination else row.source_names
    if peer.identity in identity.RESERVED and peer.identity not in (0, identity.WORLD):
        return identity.RESERVED[peer.identity]
    return names[0] if names else (row.destination_ip if destination else row.source_ip) or "unknown"


@lru_cache(maxsize=_KEPT)
def _named(peer: Peer) -> str:
    name = peer.workload or workload_of_pod(peer.pod)
    path = f"{peer.namespace}/{name}" if peer.namespace else name
    return f"{path}@{peer.cluster}" if peer.cluster else path
