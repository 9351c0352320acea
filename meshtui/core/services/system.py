"""Services that belong to Kubernetes or Cilium, and what breaks when clusters share one."""

from __future__ import annotations

from meshtui.core.services.row import rank


def is_system(key: str) -> bool:
    """Whether `namespace/name` belongs to Kubernetes or Cilium rather than to what people deployed."""
    return rank(key) > 0


def harm(key: str) -> str:
    """What goes wrong when this service of the system is global, in one sentence; empty for any other service."""
    if not is_system(key):
        return ""
    name = key.partition("/")[2]
    if key == "default/kubernetes":
        return "pods that call the API server reach other clusters' API servers, which refuse their tokens"
    if "dns" in name:
        return "pods ask other clusters' DNS, which does not know the names of their own cluster"
    if name.startswith(("hubble", "clustermesh", "cilium")):
        return "Cilium's own parts reach another cluster's, whose certificates and data are not theirs"
    return "what belongs to one cluster's control plane gets answers from another cluster's"
