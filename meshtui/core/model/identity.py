"""Cilium's security identities: reserved names, and the cluster inside a number.

Source: cilium/pkg/identity/numericidentity.go. A pod's identity is `(cluster id << bits) + n`: 24 bits in all, of which
the cluster id takes 8, or 9 where max-connected-clusters is 511 (`CiliumConfig.id_bits`, the same throughout a mesh).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtui.core.model.state import Mesh

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
BITS = 16
"""Bits of a number within its cluster, unless the mesh is configured otherwise."""
_FIRST_POD_IDENTITY = 256


def label(identity: int) -> str:
    """As the hubble CLI prints it: `(world)` for a reserved identity, `(ID:n)` for any other."""
    name = RESERVED.get(identity)
    return f"({name})" if name else f"(ID:{identity})"


def bits_in(mesh: Mesh) -> int:
    """How far a cluster id is shifted in this mesh's identities."""
    configs = (cluster.config for cluster in mesh.clusters.values())
    return next((config.id_bits for config in configs if config is not None), BITS)


def cluster_of(identity: int, bits: int = BITS) -> int:
    """The cluster id inside a pod's identity; 0 for every other one, and for a cluster without an id."""
    return identity >> bits if _FIRST_POD_IDENTITY <= identity < 1 << _SCOPE_SHIFT else 0


def describe(identity: int, bits: int = BITS) -> str:
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
    return f"cluster {identity >> bits}, number {identity & ((1 << bits) - 1)}"
