"""Which directions a NetworkPolicy closes, as lists of an API server give it, without its kind (report 31)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.policy.overview import Overview
from tests.core import meshes

REPORT = Path(__file__).parents[2] / "recordings" / "reports" / "31-netpol-directions" / "np.yaml"


def test_bare_typed_and_ruled_policies_close_what_kubernetes_says():
    listed = {}
    for document in yaml.safe_load_all(REPORT.read_text()):
        document.pop("kind"), document.pop("apiVersion")
        policy = msgspec.convert(document, o.Policy)
        listed[policy.key] = policy
    mesh = meshes.mesh("a")
    reduce(mesh, s.Listed("a", r.NETWORKPOLICIES, listed, 0.0))
    found = {row.name: row.cells[0] for row in Overview(mesh).rows()}
    assert {name: sorted(direction.value for direction in cell.closes) for name, cell in found.items()} == {
        "np-deny-types": ["egress", "ingress"],
        "np-bare": ["ingress"],
        "np-egress-only-rule": ["egress", "ingress"],
    }
    assert {cell.stand.value for cell in found.values()} == {"present"}
