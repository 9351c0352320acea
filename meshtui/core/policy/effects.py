"""The connections that a pod's requests to a service can become, and what becomes of one in words."""

from __future__ import annotations

from msgspec import Struct

from meshtui.core.model.state import Mesh
from meshtui.core.policy.model import PodRef
from meshtui.core.routing import route

FATE = {True: "passes", False: "dropped", None: "not known"}
"""What becomes of a connection, in words."""


class Connection(Struct, frozen=True):
    """One pod connecting to another's own port."""

    source: PodRef
    destination: PodRef
    protocol: str
    port: int


def connections_to(mesh: Mesh, source: PodRef, service_key: str) -> list[Connection]:
    """The connections a pod's requests to a service can become: one per backend in rotation that names its pod."""
    found = route(mesh, source.context, service_key)
    return [
        Connection(source, PodRef(b.context, *b.pod.split("/", 1)), b.protocol, b.port) for b in found.backends if b.pod
    ]
