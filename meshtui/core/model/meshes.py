"""Which of the chosen clusters are of one mesh: by whom their agents and KVStoreMesh are joined to.

A mesh need not be whole: clusters that are joined to one another through a third are of one mesh. Clusters whose agents
were not read, and those that are joined to nobody, may still come to be: nothing is said of them here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from meshtui.core.model.links import Claims, remote_names
from meshtui.core.model.state import Cluster, Mesh

OTHER_MESH = "of another mesh"


def not_of_one_mesh(one: Cluster, other: Cluster) -> str:
    """Why two clusters cannot be joined: each id and name is one cluster's (pkg/clustermesh/common/remote_cluster.go
    refuses a remote of its own name, and of its own id); empty when nothing speaks against it.
    """
    if one.config is None or other.config is None:
        return ""
    if one.config.name == other.config.name:
        both = f"{one.context} and {other.context} both call themselves {one.config.name}"
        return f"{both}: no mesh joins two clusters of one name"
    if one.id == other.id and one.id:
        return f"{one.name} and {other.name} both have cluster id {one.id}: no mesh joins two clusters of one id"
    return ""


def groups(mesh: Mesh, claims: Claims | None = None) -> list[tuple[str, ...]]:
    """The meshes that the chosen clusters are of, as contexts; those joined to nobody are left out.

    `claims`: what was worked out of every link already, for who asks again and again.
    """
    names = claims.remotes if claims is not None else remote_names
    joined = {cluster.context: frozenset(names(cluster)) for cluster in mesh.clusters.values()}
    found: list[tuple[set[str], set[str]]] = []
    for cluster in mesh.clusters.values():
        if cluster.config is not None and not cluster.id:
            continue  # it can be in no mesh, whatever its agents still hold
        # A remote outside the session joins as well as one in it: both are known by name.
        known = {*joined[cluster.context], cluster.cilium_name}
        if not joined[cluster.context] and not _joined_to(mesh, cluster, joined):
            continue
        contexts = {cluster.context}
        for group in [each for each in found if each[1] & known and not _strangers(mesh, each[0], cluster)]:
            found.remove(group)
            contexts |= group[0]
            known |= group[1]
        found.append((contexts, known))
    order = list(mesh.clusters)
    return sorted((tuple(sorted(c, key=order.index)) for c, _ in found), key=lambda group: order.index(group[0]))


def _joined_to(mesh: Mesh, cluster: Cluster, joined: dict[str, frozenset[str]]) -> bool:
    """Whether another cluster is joined to this one, which may not have been read."""
    others = (each for each in mesh.clusters.values() if each is not cluster)
    return any(cluster.cilium_name in joined[other.context] for other in others)


def _strangers(mesh: Mesh, contexts: set[str], cluster: Cluster) -> bool:
    """Whether a cluster shares its name or id with one of a mesh: the same names are other clusters' then."""
    return any(not_of_one_mesh(mesh.clusters[context], cluster) for context in contexts)


def apart(meshes: Sequence[tuple[str, ...]]) -> frozenset[frozenset[str]]:
    """Pairs of contexts whose clusters are of different meshes, by what `groups` says."""
    return frozenset(frozenset((a, b)) for one, other in combinations(meshes, 2) for a in one for b in other)
