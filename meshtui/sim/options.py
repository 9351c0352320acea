"""What a simulated mesh is started with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

CLUSTER_NAMES = (
    "koornacht", "tion", "naboo", "hoth", "endor", "bespin", "dagobah", "jakku",
    "mustafar", "kamino", "scarif", "lothal", "geonosis", "corellia", "sullust", "ryloth",
)  # fmt: skip
"""Names given to clusters in order; the first two are the recorded ones."""

VERSIONS: tuple[tuple[int, int], ...] = ((1, 17), (1, 18), (1, 19), (1, 20), (1, 21))
"""Versions of Cilium whose rules the embedded mesh has."""
NEWEST = "1.21"


def version_of(text: str) -> tuple[int, int]:
    """`1.19.4` → (1, 19). Raises ValueError."""
    major, minor = text.strip().lstrip("v").split(".")[:2]
    return int(major), int(minor.split("-")[0])


def known(text: str) -> tuple[int, int]:
    """A version's (major, minor). Raises ValueError for one whose rules the embedded mesh does not have."""
    told = ", ".join(f"{major}.{minor}" for major, minor in VERSIONS)
    try:
        found = version_of(text)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is not a version of Cilium; versions: {told}") from None
    if found not in VERSIONS:
        raise ValueError(f"the embedded mesh does not know Cilium {text.strip()}; versions: {told}")
    return found


@cache
def _versions(written: str) -> dict[str, str]:
    """Version by cluster; by the empty name for all. Raises ValueError."""
    found = {}
    for part in written.split(","):
        name, _, version = part.rpartition("=")
        known(version)
        found[name.strip()] = version.strip()
    return found


LAB_NODES = 3
"""Nodes of each of the lab's clusters: a control plane and two workers."""
MOST_NODES = 250


@dataclass(frozen=True, slots=True)
class SimOptions:
    """Everything that decides what the embedded mesh looks like; one value per command-line flag."""

    state: str = ""
    """A recorded step's name without its number: `no-cni`, `deployed`, `global`, `default-deny` …; empty: the lab as
    people build it, deployed, at addresses that are nobody's.
    """
    seed: int = 0
    clusters: int = 2
    nodes: int = 0
    """Nodes per cluster; 0: as recorded where a recorded step is asked for, else LAB_NODES."""
    services: int = 0
    """Services generated per cluster beside the lab's own."""
    flow_rate: int = 0
    """Background flows per second in the whole mesh."""
    ring: int = 4095
    """Flow events that each agent keeps (Cilium's hubble-event-buffer-capacity)."""
    cilium_version: str = "1.21"
    """Of every cluster (`1.20`), or of each by name (`koornacht=1.20,tion=1.17`); those not named have the newest."""
    directory: Path | None = None
    """Where the kubeconfig goes; None: a temporary directory, removed at exit."""
    ready_delay: float = 0.6
    """Seconds from a pod's creation to its readiness."""
    node_grace: float = 48.0
    """Seconds from a node's death until its Node says so: 40 without a lease, and the time until somebody looks."""
    follow_parent: bool = False
    """End when standard input ends, so that no simulator outlives who launched it."""

    def __post_init__(self) -> None:
        """Raises ValueError for a version that is not known, or a cluster that does not exist."""
        for name in _versions(self.cilium_version):
            if name and name not in self.cluster_names:
                raise ValueError(f"there is no cluster {name!r}; there are {', '.join(self.cluster_names)}")

    def version_of(self, cluster: str) -> str:
        """Cilium's version in a cluster, as it was written."""
        versions = _versions(self.cilium_version)
        return versions.get(cluster) or versions.get("") or NEWEST

    @property
    def recorded(self) -> bool:
        """Whether a recorded step was asked for by name: then names, addresses and nodes are the recorded ones."""
        return bool(self.state)

    @property
    def nodes_each(self) -> int:
        """Nodes of each cluster."""
        return max(1, min(self.nodes or (1 if self.recorded else LAB_NODES), MOST_NODES))

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """Names of the clusters, in order of their ids (1, 2, …)."""
        extra = tuple(f"planet-{n}" for n in range(len(CLUSTER_NAMES) + 1, self.clusters + 1))
        return (CLUSTER_NAMES + extra)[: self.clusters]
