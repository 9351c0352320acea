"""Tells the reading of a Relay, ours and others', from the mesh's own traffic.

A Relay's pod listens on 4245 (facts of cilium: install/kubernetes, hubble.relay.listenPort). Through a NodePort every
packet of our connection is a flow; through a port-forward none is, since that enters the pod by its own loopback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshtui.core.flows.flow import FlowRow, Peer

PORT = 4245
_POD = "hubble-relay-"
_WORDS = ("hubble-relay", str(PORT))
Document = Mapping[str, Any]
READING: tuple[Document, ...] = (
    {"destination_pod": [f"/{_POD}"], "destination_port": [str(PORT)]},
    {"source_pod": [f"/{_POD}"], "source_port": [str(PORT)]},
)
"""FlowFilters of both directions; Cilium may be in any namespace."""


def is_reading(row: FlowRow) -> bool:
    """Whether a flow belongs to a connection that reads a Relay."""
    return (row.destination_port == PORT and _relay(row.destination)) or (
        row.source_port == PORT and _relay(row.source)
    )


def _relay(peer: Peer) -> bool:
    return peer.pod.startswith(_POD)


def left_out(whitelist: Sequence[Document]) -> Sequence[Document]:
    """What a server need not send, given what is asked of it: none of it where a filter names the Relay itself."""
    values = [str(value) for document in whitelist for values in document.values() for value in _several(values)]
    return () if any(word in value for value in values for word in _WORDS) else READING


def _several(values: object) -> Sequence[object]:
    return values if isinstance(values, list | tuple) else (values,)
