"""The cluster inside an identity's number, by the size the mesh is configured for."""

from __future__ import annotations

import pytest

from meshtui.core.model import identity
from meshtui.core.model.state import Mesh
from tests.core import meshes


@pytest.mark.parametrize(
    ("number", "bits", "told"),
    [
        (2, 16, "reserved:world"),
        (98328, 16, "cluster 1, number 32792"),
        (150506, 16, "cluster 2, number 19434"),
        ((400 << 15) + 20507, 15, "cluster 400, number 20507"),
        ((400 << 15) + 20507, 16, "cluster 200, number 20507"),
        ((1 << 24) + 5, 15, "CIDR identity 5 (local to its node)"),
        ((2 << 24) + 5, 15, "remote node 5 (local to its node)"),
        (128, 15, "well-known or user-reserved 128"),
    ],
)
def test_identities_in_words(number: int, bits: int, told: str) -> None:
    assert identity.describe(number, bits) == told


def test_the_mesh_says_how_many_clusters_it_is_for() -> None:
    assert identity.bits_in(Mesh()) == 16
    assert identity.bits_in(meshes.mesh()) == 16
    assert identity.bits_in(meshes.mesh(max_connected_clusters="511")) == 15
