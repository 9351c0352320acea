"""meshtui: the cockpit for Cilium Cluster Mesh."""

__version__ = "0.1.0"
