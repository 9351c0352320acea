"""Core's prediction and the simulator's choice of backends, on generated meshes: the same addresses, always."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings

from meshtui.core.routing import route
from meshtui.sim.datapath.routing import active, selected
from meshtui.sim.datapath.view import view
from tests.agreement import services
from tests.agreement.books import PlainCluster, Tally, to_core, to_sim

KEY = f"{services.NAMESPACE}/{services.NAME}"
EXAMPLES = 300


def kind_of(found: list[tuple[str, int]], remote: bool, local: bool) -> str:
    if not found:
        return "nobody"
    return "both" if remote and local else "remote only" if remote else "local only"


def compare(clusters: list[PlainCluster], tally: Tally) -> None:
    mesh, world = to_core(clusters), to_sim(clusters)
    tally.examples += 1
    for name, plain in zip(mesh.clusters, clusters, strict=True):
        for service in plain.objects["services"]:
            for port in service["spec"]["ports"]:
                for node in ("node-1", "node-2"):
                    known = view(world.clusters[name])
                    theirs = active(selected(world, known, service, port, node))
                    ours = route(mesh, name, KEY, port=port.get("name") or port["port"], client_node=node)
                    expected = sorted((b.ip, b.port) for b in theirs)
                    assert sorted((b.ip, b.port) for b in ours.backends) == expected, (name, port, node, ours.unused)
                    remote, local = (any(b.remote is side for b in ours.backends) for side in (True, False))
                    tally.kinds[kind_of(expected, remote, local)] += 1


@pytest.mark.timeout(300)
def test_prediction_and_choice_agree(record_property, capsys) -> None:
    tally = Tally()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(services.meshes())
    def agree(clusters: list[PlainCluster]) -> None:
        compare(clusters, tally)

    agree()
    line = tally.line("routing")
    record_property("counts", line)
    with capsys.disabled():
        sys.stdout.write(f"\n{line}\n")
    assert tally.examples >= EXAMPLES
    assert min(tally.kinds[kind] for kind in ("nobody", "local only", "remote only", "both")) > 50
