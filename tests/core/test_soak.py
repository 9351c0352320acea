"""What a session keeps does not grow with the hours it runs."""

from __future__ import annotations

from meshtui.core.health.addresses import AddressIndex
from tests.core import meshes
from tests.core.soak import Soak


def test_nothing_that_is_kept_grows_with_time() -> None:
    soak = Soak(flows_a_second=20, capacity=1_000)
    soak.pass_by(120)
    before = soak.sizes()
    soak.pass_by(240)
    after = soak.sizes()
    assert before["flows"] == 1_000
    assert before["connections"], "something happens"
    bounded = {"connections": 20_000, "sums": 10_000, "services": 4_096, "addresses": 4_000, "seen": 1_000}
    grown = {name for name, size in after.items() if size > 1.1 * before[name] + 5 and size > bounded.get(name, 0)}
    assert not grown, (before, after)


def test_addresses_of_pods_that_went_are_forgotten_in_time() -> None:
    mesh = meshes.mesh()
    places, largest = AddressIndex(mesh), 0
    for turn in range(6_000):
        address = f"10.0.{turn >> 8}.{turn & 255}"
        places.note(meshes.put(mesh, "a", meshes.endpointslice([meshes.endpoint(address, "p")])))
        largest = max(largest, places.size)
    assert largest < 4_000
    assert places.services(address, 80) == ("default/web",)
    assert places.services("10.0.0.1", 80) == ()
