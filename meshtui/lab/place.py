"""Where the lab's application is: in which two clusters of a session, in which namespace, with which images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meshtui.core.errors import UsageError
from meshtui.core.model.state import Cluster, Mesh
from meshtui.lab import manifests
from meshtui.lab.facts import IMAGES, PLANETS, Images

REGION = "topology.kubernetes.io/region"


@dataclass(frozen=True, slots=True)
class LabCluster:
    """One of the two clusters."""

    context: str
    name: str
    """What Cilium calls it; its context while that is not known."""
    planet: str

    @property
    def title(self) -> str:
        """How rebel-base calls its cluster."""
        return self.name.capitalize()


@dataclass(frozen=True, slots=True)
class Place:
    """The lab as it stands in a session."""

    first: LabCluster
    second: LabCluster
    namespace: str = "default"
    images: Images = IMAGES

    @property
    def halves(self) -> tuple[LabCluster, LabCluster]:
        """Both, in the order of the lab."""
        return self.first, self.second

    def values(self, half: LabCluster) -> dict[str, str]:
        """What manifests for one cluster are filled in with."""
        return {
            "first": self.first.name,
            "title": self.first.title,
            "cluster": half.title,
            "planet": half.planet,
            "namespace": self.namespace,
            "server_image": self.images.server,
            "client_image": self.images.client,
        }

    def objects(self, half: LabCluster, name: str) -> list[dict[str, Any]]:
        """The objects of one manifest for one cluster."""
        return manifests.load(name, self.values(half))

    def key(self, name: str) -> str:
        """`namespace/name` of an object of the application."""
        return f"{self.namespace}/{name}"


def place(mesh: Mesh, namespace: str = "default", images: Images = IMAGES, planets: Sequence[str] = ()) -> Place:
    """The lab in a mesh: koornacht and tion if they are there, else its only two clusters. Raises UsageError."""
    first, second = pair(mesh)
    given = [*planets, "", ""]
    halves = [LabCluster(c.context, c.name, given[i] or _planet(c)) for i, c in enumerate((first, second))]
    return Place(halves[0], halves[1], namespace, images)


def pair(mesh: Mesh) -> tuple[Cluster, Cluster]:
    """The first and the second cluster of the lab. Raises UsageError when they cannot be told."""
    named = [mesh.by_name(name) for name in ("koornacht", "tion")]
    if named[0] is not None and named[1] is not None:
        return named[0], named[1]
    clusters = list(mesh.clusters.values())
    if len(clusters) != 2:
        raise UsageError(
            f"the lab needs two clusters, this session has {len(clusters)}",
            hint="choose them: --context FIRST --context SECOND",
        )
    return clusters[0], clusters[1]


def _planet(cluster: Cluster) -> str:
    """The lab's own planet, else the region the cluster's nodes say they are in, else the context."""
    regions = [node.labels[REGION] for node in cluster.nodes.values() if node.labels.get(REGION)]
    return PLANETS.get(cluster.name) or (sorted(regions)[0] if regions else cluster.context)
