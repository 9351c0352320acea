"""Cilium's security identities: reserved names, and the cluster inside a number.

Source: cilium/pkg/identity/numericidentity.go. A pod's identity is `(cluster id << 16) + n`.
"""

from __future__ import annotations

from types import MappingProxyType

RESERVED = MappingProxyType(
    {
        0: "unknown",
        1: "host",
        2: "world",
        3: "unmanaged",
        4: "health",
        5: "init",
        6: "remote-node",
        7: "kube-apiserver",
        8: "ingress",
        9: "world-ipv4",
        10: "world-ipv6",
    }
)
"""Reserved identities by number."""
RESERVED_NUMBERS = MappingProxyType({name: number for number, name in RESERVED.items()})

HOST, WORLD, HEALTH, REMOTE_NODE, KUBE_APISERVER = 1, 2, 4, 6, 7

_CIDR_SCOPE = 1
_REMOTE_NODE_SCOPE = 2
_SCOPE_SHIFT = 24
_CLUSTER_SHIFT = 16
_FIRST_POD_IDENTITY = 256


def label(identity: int) -> str:
    """As the hubble CLI prints it: `(world)` for a reserved identity, `(ID:n)` for any other."""
    name = RESERVED.get(identity)
    return f"({name})" if name else f"(ID:{identity})"


def cluster_id(identity: int) -> int:
    """The cluster id inside a pod's identity; 0 for reserved and node-local ones, or without a mesh."""
    if identity < _FIRST_POD_IDENTITY or identity >> _SCOPE_SHIFT:
        return 0
    return identity >> _CLUSTER_SHIFT


def describe(identity: int) -> str:
    """An identity in words: `reserved:world`, `cluster 2, number 20507`, `CIDR (local to its node)`."""
    if identity in RESERVED:
        return f"reserved:{RESERVED[identity]}"
    scope = identity >> _SCOPE_SHIFT
    if scope == _CIDR_SCOPE:
        return f"CIDR identity {identity & 0xFFFFFF} (local to its node)"
    if scope == _REMOTE_NODE_SCOPE:
        return f"remote node {identity & 0xFFFFFF} (local to its node)"
    if identity < _FIRST_POD_IDENTITY:
        return f"well-known or user-reserved {identity}"
    return f"cluster {identity >> _CLUSTER_SHIFT}, number {identity & 0xFFFF}"
