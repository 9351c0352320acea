"""Keys that were meant for Cluster Mesh and are read by nobody (report 22)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml

from meshtui.core.findings import findings
from meshtui.core.findings.misspelt import meant
from meshtui.core.findings.model import Kind
from meshtui.core.model import objects as o
from meshtui.core.routing import annotations as a
from tests.core import meshes

SERVICES = Path(__file__).parents[2] / "recordings" / "reports" / "22-misspelt-keys" / "svcs.yaml"


def test_each_of_the_four_is_named_with_the_key_that_was_meant():
    mesh = meshes.mesh()
    for document in yaml.safe_load_all(SERVICES.read_text()):
        document["metadata"].setdefault("namespace", "default")
        meshes.put(mesh, "a", msgspec.convert(document, o.Service))
    found = {(f.object, f.evidence[0]): f for f in findings(mesh) if f.kind is Kind.KEY_MISSPELT}
    assert {(name, said.partition(": ")[2].partition("=")[0]) for name, said in found} == {
        ("default/mixed-key", "service.cilium.io/global-service"),
        ("default/mixed-key2", "io.cilium/global"),
        ("default/typo-key", "service.cilium.io/gobal"),
        ("default/typo-key", "service.cilium.io/afinity"),
        ("default/label-not-annotation", "service.cilium.io/global"),
    }
    told = found["default/typo-key", "a: service.cilium.io/afinity=local"]
    assert f"the annotation {a.AFFINITY} is meant" in told.sentence
    assert (told.fixes[0].what, told.fixes[0].value) == ("affinity", "local")


@pytest.mark.parametrize(
    "key",
    [
        *a.KEYS.values(),
        *a.ALIASES.values(),
        a.SYNC_SLICES,
        "service.cilium.io/type",
        "io.cilium/lb-ipam-ips",
        "x/global",
    ],
)
def test_what_is_read_and_what_is_others_is_no_fault(key):
    assert meant(key) == ""
