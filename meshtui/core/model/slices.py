"""Whose an EndpointSlice is: the Service it is labelled with, and whether its endpoints are of its own cluster."""

from __future__ import annotations

from sys import intern

from meshtui.core.model.objects import EndpointSlice

SERVICE_NAME = "kubernetes.io/service-name"
"""Label: the Service it belongs to."""
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MIRRORED = "endpointslice-mesh-controller.cilium.io"


def is_mirror(item: EndpointSlice) -> bool:
    """Whether the operator made this slice from another cluster's endpoints.

    Agents ignore these for load balancing; counting them would count twice (pkg/clustermesh/endpointslicesync).
    """
    return item.labels.get(MANAGED_BY) == MIRRORED


def service_of(item: EndpointSlice | None) -> str:
    """Key of the Service that a slice is labelled with, mirrored or not; empty for none."""
    name = item.labels.get(SERVICE_NAME, "") if item is not None else ""
    # The key of the Service itself, not a second one.
    return intern(f"{item.namespace}/{name}") if item is not None and name else ""


def backed_by(item: EndpointSlice | None) -> str:
    """Key of the Service whose local backends a slice holds; empty for none and for mirrored slices."""
    return "" if item is None or is_mirror(item) else service_of(item)
