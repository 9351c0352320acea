"""Whose Relay answers at an address: the nodes it names, held against what the API server says of the cluster.

A Relay's peers are the agents of its whole mesh, named `cluster/node` (cilium pkg/node/types Node.Fullname: the bare
node name in a cluster called `default`, which is no mesh's name and so tells nothing).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum

from msgspec import Struct

UNNAMED = "default"
"""What Cilium calls a cluster that nobody named."""


class RelayOwner(Enum):
    """What the nodes say."""

    OURS = "ours"
    STRANGER = "stranger"
    """All its nodes are another cluster's by name."""
    UNPROVEN = "unproven"
    """The name fits, or is not known, and no node of it is known to the API server."""


class RelayOwnership(Struct, frozen=True):
    """Whose Relay it is, and the sentence that says why it is not used."""

    owner: RelayOwner
    why: str = ""


def split(node: str) -> tuple[str, str]:
    """(cluster, node) of a name that a Relay gives."""
    cluster, _, name = node.rpartition("/")
    return cluster or UNNAMED, name


def candidates(nodes: Sequence[str], cluster: str) -> list[str]:
    """Names of the nodes that would be the cluster's; of all when its name is not known (empty)."""
    told = [split(node) for node in nodes]
    return [name for home, name in told if cluster in ("", home)]


def judged(
    context: str, address: str, nodes: Sequence[str], cluster: str, known: Collection[str] | None
) -> RelayOwnership:
    """Whose Relay at `address` names `nodes`.

    `cluster` is Cilium's name of the cluster, empty when it could not be read; `known` are those of its candidates
    that the API server knows, None when they could not be asked for.
    """
    if not nodes:
        return RelayOwnership(RelayOwner.UNPROVEN)
    mine = candidates(nodes, cluster)
    about = f"{context}: {_others(nodes)} at {address} is not used"
    if not mine:
        return RelayOwnership(RelayOwner.STRANGER, f"{about}: none of its nodes is {cluster}'s ({_some(nodes)})")
    if known:
        return RelayOwnership(RelayOwner.OURS)
    if known is None:
        proven = cluster not in ("", UNNAMED)
        return (
            RelayOwnership(RelayOwner.OURS)
            if proven
            else RelayOwnership(RelayOwner.UNPROVEN, f"{about}: no node proves it")
        )
    why = f"{about}: the API server knows none of its nodes ({_some(nodes)})"
    return RelayOwnership(RelayOwner.UNPROVEN if cluster not in ("", UNNAMED) else RelayOwner.STRANGER, why)


def _others(nodes: Sequence[str]) -> str:
    """`the Relay of other-mesh`."""
    homes = list(dict.fromkeys(split(node)[0] for node in nodes))
    return f"the Relay of {', '.join(homes[:3])}{', …' if len(homes) > 3 else ''}"


def _some(nodes: Sequence[str]) -> str:
    return ", ".join(nodes[:3]) + (f", {len(nodes) - 3} more" if len(nodes) > 3 else "")
