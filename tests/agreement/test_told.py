"""The embedded mesh's own traffic obeys its own rules: no drop of any lab step is one the policies would allow."""

from __future__ import annotations

import pytest

from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.policy import PolicyHistory
from meshtui.hubble.rows import row_from_response
from meshtui.sim import stages
from meshtui.sim.relay.ring import Template
from meshtui.sim.states import STATES
from meshtui.sim.traffic import Traffic
from meshtui.sim.world import World
from tests.agreement.books import GVR, PlainCluster, to_core
from tests.sim.test_traffic import run
from tests.sim.worlds import curl, world

DEPLOYED = [name for name, state in STATES.items() if state.base == "3-deployed"]
NEVER = "was denied, although"


def seen(made: World) -> s.Mesh:
    """The world as a session knows it."""
    plain = []
    for cluster in made.clusters.values():
        objects = {resource.plural: cluster.store.list(GVR[resource.plural]) for resource in r.WATCHED}
        entry = cluster.store.entry(("", "configmaps"), "kube-system", "cilium-config")
        data = entry.obj["data"] if entry is not None else {}
        plain.append(PlainCluster(objects, (1, 21), data))
    return to_core(plain)


def dropped(made: World) -> list[FlowRow]:
    """Every drop that any agent told of."""
    found = []
    for name, cluster in made.clusters.items():
        for ring in cluster.rings.values():
            for event in ring.all()[0]:
                if isinstance(event.what, Template):
                    row = row_from_response(event.what.response(event.time_ns, event.uuid), name)
                    if row.verdict == Verdict.DROPPED:
                        found.append(row)
    return found


def traffic(made: World, seconds: float = 2.0) -> None:
    """What the mesh does by itself, and the lab's requests from every cluster."""
    run(made, *(Traffic(made, cluster, 200) for cluster in made.clusters.values()), seconds=seconds)
    for name in made.clusters:
        curl(made, name, count=4)


def told(history: PolicyHistory, made: World, mesh: s.Mesh) -> list[str]:
    """How each drop is explained."""
    return [history.explain(mesh, row).sentence for row in dropped(made)]


@pytest.mark.parametrize("state", DEPLOYED)
def test_no_drop_of_a_step_is_one_that_its_policies_would_allow(state: str) -> None:
    made = world(state)
    mesh, history = seen(made), PolicyHistory()
    history.note(mesh, int(made.clock.now() * 1e9))
    traffic(made)
    sentences = told(history, made, mesh)
    assert [sentence for sentence in sentences if NEVER in sentence] == []
    policies = any(mesh.clusters[name].of(r.CNPS) for name in mesh.clusters)
    assert bool(sentences) == policies, "there is something to tell where there are policies"


def test_nor_is_one_of_those_made_while_the_steps_follow_one_another() -> None:
    """Policies come and go under traffic that goes on: what was dropped under old ones is told by old ones."""
    made = world("global")
    history = PolicyHistory()
    steps = [name for name in DEPLOYED if not STATES[name].faults]
    steps = steps[steps.index("global") :]
    count = 0
    for state in (*steps, *steps[::-1]):
        for number, (name, cluster) in enumerate(made.clusters.items()):
            stages.put(cluster.store, stages.objects(made.options, name, number + 1, state))
        mesh = seen(made)
        history.note(mesh, int(made.clock.now() * 1e9))
        traffic(made, 1.0)
        sentences = told(history, made, mesh)
        count += len(sentences)
        assert [sentence for sentence in sentences if NEVER in sentence] == [], state
    assert count


def test_the_sentence_is_there_when_the_policies_of_that_time_are_not_known() -> None:
    """What the other tests look for is what a wrong history would say."""
    made, before = world("default-deny"), world("global")
    history = PolicyHistory()
    history.note(seen(before), int(made.clock.now() * 1e9))
    traffic(made, 0.5)
    assert any(NEVER in sentence for sentence in told(history, made, seen(made)))
