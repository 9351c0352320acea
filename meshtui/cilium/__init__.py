"""Cilium's own view of itself: agent, KVStoreMesh, cilium-health and cilium-config, read through kube."""
