"""The service tables of 1.17 tell no protocol, list all backends, and mark those that affinity prefers (recorded)."""

from __future__ import annotations

import msgspec

from meshtui.cilium.agents import _Entry, _service
from meshtui.core.routing import route
from meshtui.core.routing.evidence import realised_backends
from tests.core import meshes

ENTRY = {
    "status": {
        "realized": {
            "frontend-address": {"ip": "172.20.2.30", "port": 80, "scope": "external"},
            "flags": {"name": "web", "namespace": "default", "type": "ClusterIP"},
            "backend-addresses": [
                {"ip": "10.2.1.138", "nodeName": "tion-worker", "port": 80, "state": "active"},
                {"ip": "10.1.0.175", "port": 80, "state": "active"},
            ],
        }
    }
}
"""As tion's agent answered in mixed-1.20-1.17, shortened."""


def test_a_frontend_without_protocol_is_found_and_preferred_backends_are_those_in_effect():
    mesh = meshes.mesh()
    meshes.put(mesh, "a", meshes.service(meshes.GLOBAL))
    found = route(mesh, "a", meshes.KEY)
    plain = _service(msgspec.convert(ENTRY, _Entry))
    assert plain is not None
    assert realised_backends(found, [plain]) == {"10.2.1.138", "10.1.0.175"}
    ENTRY["status"]["realized"]["backend-addresses"][0]["preferred"] = True
    preferring = _service(msgspec.convert(ENTRY, _Entry))
    assert preferring is not None
    assert realised_backends(found, [preferring]) == {"10.2.1.138"}
