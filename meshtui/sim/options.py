"""What a simulated mesh is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CLUSTER_NAMES = (
    "koornacht", "tion", "naboo", "hoth", "endor", "bespin", "dagobah", "jakku",
    "mustafar", "kamino", "scarif", "lothal", "geonosis", "corellia", "sullust", "ryloth",
)  # fmt: skip
"""Names given to clusters in order; the first two are the recorded ones."""


@dataclass(frozen=True, slots=True)
class SimOptions:
    """Everything that decides what the embedded mesh looks like; one value per command-line flag."""

    state: str = "deployed"
    """A recorded step's name without its number: `no-cni`, `deployed`, `global`, `default-deny` …"""
    seed: int = 0
    clusters: int = 2
    nodes: int = 0
    """Nodes per cluster; 0: as recorded."""
    services: int = 0
    """Services generated per cluster beside the lab's own."""
    flow_rate: int = 0
    """Background flows per second in the whole mesh."""
    ring: int = 4095
    """Flow events that each agent keeps (Cilium's hubble-event-buffer-capacity)."""
    cilium_version: str = "1.21"
    directory: Path | None = None
    """Where the kubeconfig goes; None: a temporary directory, removed at exit."""
    ready_delay: float = 0.6
    """Seconds from a pod's creation to its readiness."""
    follow_parent: bool = False
    """End when standard input ends, so that no simulator outlives who launched it."""

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """Names of the clusters, in order of their ids (1, 2, …)."""
        extra = tuple(f"planet-{n}" for n in range(len(CLUSTER_NAMES) + 1, self.clusters + 1))
        return (CLUSTER_NAMES + extra)[: self.clusters]
