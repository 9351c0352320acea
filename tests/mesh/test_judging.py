"""A long list is looked at in parts; until all of it was, flows wait, and in the end nothing is said differently."""

from __future__ import annotations

import pytest

from meshtui.core.health.addresses import AddressIndex
from meshtui.core.health.judge import AT_ONCE, Judge
from meshtui.core.health.unready import Unready
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.parts import parts, size
from meshtui.core.model.reduce import reduce
from meshtui.kube.clock import SystemClock
from meshtui.mesh.judging import Judging, pause_after
from tests.core import meshes
from tests.core.flowrows import row
from tests.waiting import until

MANY = 2 * AT_ONCE + 500


def address(number: int) -> str:
    return f"10.7.{number >> 8}.{number & 255}"


def listed(mesh: s.Mesh) -> s.Delta:
    """A long list of slices, every third without a ready endpoint."""
    made = (
        meshes.endpointslice([meshes.endpoint(address(n), f"p-{n}", ready=n % 3 > 0)], key=f"default/svc-{n}")
        for n in range(MANY)
    )
    return reduce(mesh, s.Listed("a", r.ENDPOINTSLICES, {item.key: item for item in made}, 0.0))


def test_the_parts_of_a_change_are_the_change() -> None:
    delta, whole = listed(meshes.mesh()), s.Delta()
    pieces = list(parts(delta, 300))
    assert all(0 < size(piece) <= 300 for piece in pieces)
    for piece in pieces:
        whole.merge(piece)
    assert (whole.objects, whole.backed) == (delta.objects, delta.backed)


def test_a_long_list_is_owed_and_looked_at_part_by_part() -> None:
    mesh = meshes.mesh()
    judge = Judge(mesh)
    judge.follow()
    judge.note(listed(mesh))
    assert judge.owing
    assert not judge.unready.of("a")
    steps = 0
    while judge.owing:
        before = judge.addresses.size, len(judge.unready.of("a"))
        judge.work()
        steps += 1
        assert judge.addresses.size - before[0] <= AT_ONCE
        assert len(judge.unready.of("a")) - before[1] <= AT_ONCE
    assert steps == 2 * 3, "addresses and readiness, three parts each"
    fresh = AddressIndex(mesh)
    assert [judge.addresses.services(address(n), 80) for n in range(MANY)] == [
        (f"default/svc-{n}",) for n in range(MANY)
    ]
    assert judge.addresses.size == fresh.size
    assert judge.unready.of("a") == Unready(mesh).of("a")


def test_a_short_change_does_not_wait_behind_a_long_one() -> None:
    mesh = meshes.mesh()
    judge = Judge(mesh)
    judge.follow()
    judge.note(listed(mesh))
    judge.note(meshes.put(mesh, "b", meshes.endpointslice([meshes.endpoint("10.9.0.1", "q")])))
    assert judge.owing
    assert judge.addresses.services("10.9.0.1", 80) == ("default/web",)


async def test_flows_that_came_with_a_long_list_are_counted_for_their_services() -> None:
    mesh = meshes.mesh()
    judging = Judging(mesh, SystemClock(), lambda delta: None, 3_600.0)
    judging.start()
    try:
        judging.note(listed(mesh))
        judging.take([row(destination_ip=address(MANY - 1))])
        assert judging.judge.owing
        await until(lambda: judging.traffic.heard)
        assert not judging.judge.owing
        assert [key for key, _ in judging.traffic.services] == [f"default/svc-{MANY - 1}"]
    finally:
        judging.stop()


@pytest.mark.parametrize(
    ("took", "nodes", "seconds"),
    [(0.001, 6, 1.0), (0.001, 900, 1.0), (0.018, 3_200, 3.2), (0.5, 3_200, 5.0)],
)
def test_a_large_mesh_is_judged_less_often(took: float, nodes: int, seconds: float) -> None:
    assert pause_after(took, 1.0, nodes) == pytest.approx(seconds)
