"""Which Relay delivers which cluster's flows: everything once, nothing left out."""

from __future__ import annotations

from itertools import product

import pytest

from meshtui.core.flows.assignment import EVERYTHING, Assignment, Feed, Share, feed_of, shares
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from tests.core.recorded import mesh_of

NODES = ("koornacht/k1", "tion/t1", "stranger/s1")


def tell(mesh: s.Mesh, context: str, phase: s.Phase, source: s.FlowSource) -> None:
    relay = source in (s.FlowSource.RELAY_DIRECT, s.FlowSource.RELAY_FORWARD)
    reduce(mesh, s.RelayChanged(context, 1.0, phase, source, nodes=NODES if relay else ()))


def asked_for(share: Share, node: str) -> int:
    """How many of a Relay's streams tell of a node."""
    streams = [share.own, *([share.besides] if share.besides else [])]
    times = sum(stream.covers(node) for stream in streams)
    assert share.whole.covers(node) is bool(times)
    return times


def delivered(mesh: s.Mesh) -> dict[str, list[str]]:
    """Node → contexts that deliver its flows, each as often as it does."""
    found: dict[str, list[str]] = {node: [] for node in NODES}
    for context, share in shares(mesh).items():
        cluster = mesh.clusters[context]
        if cluster.relay.link.phase is not s.Phase.LIVE:
            continue
        for node in NODES:
            mine = cluster.relay.source is s.FlowSource.AGENTS
            times = int(node.startswith(f"{cluster.name}/")) if mine else asked_for(share, node)
            found[node] += [context] * times
    return found


STATES = (
    (s.Phase.LIVE, s.FlowSource.RELAY_DIRECT),
    (s.Phase.LIVE, s.FlowSource.RELAY_FORWARD),
    (s.Phase.LIVE, s.FlowSource.AGENTS),
    (s.Phase.STALE, s.FlowSource.RELAY_DIRECT),
    (s.Phase.ABSENT, s.FlowSource.NONE),
)


@pytest.mark.parametrize(("k", "t"), list(product(STATES, STATES)))
def test_every_node_is_delivered_once_as_long_as_any_relay_answers(
    k: tuple[s.Phase, s.FlowSource], t: tuple[s.Phase, s.FlowSource]
) -> None:
    mesh = mesh_of(4)
    tell(mesh, "koornacht", *k)
    tell(mesh, "tion", *t)
    relays = any(phase is s.Phase.LIVE and source is not s.FlowSource.AGENTS for phase, source in (k, t))
    for node, contexts in delivered(mesh).items():
        assert len(contexts) <= 1
        assert contexts or not relays, node


def test_a_cluster_whose_name_is_unknown_is_asked_for_everything() -> None:
    mesh = mesh_of(4)
    mesh.clusters["tion"].config = None
    tell(mesh, "koornacht", *STATES[0])
    tell(mesh, "tion", *STATES[0])
    assert shares(mesh) == {
        "koornacht": Share(Assignment(only="koornacht"), Assignment(without=("koornacht",))),
        "tion": Share(EVERYTHING),
    }


def test_what_a_relay_delivers_of_its_own_cluster_never_changes_with_its_neighbours() -> None:
    mesh = mesh_of(4)
    own = set()
    for k, t in product(STATES, STATES):
        tell(mesh, "koornacht", *k)
        tell(mesh, "tion", *t)
        own |= {(context, share.own) for context, share in shares(mesh).items()}
    assert own == {(name, Assignment(only=name)) for name in ("koornacht", "tion")}


def test_a_relay_is_asked_for_nothing_besides_when_everybody_feeds_itself() -> None:
    mesh = mesh_of(4)
    tell(mesh, "koornacht", *STATES[0])
    tell(mesh, "tion", *STATES[0])
    stranger = Assignment(without=("koornacht", "tion"))
    assert [share.besides for share in shares(mesh).values()] == [stranger, None]
    reduce(mesh, s.RelayChanged("koornacht", 1.0, nodes=("koornacht/k1", "tion/t1")))
    assert [share.besides for share in shares(mesh).values()] == [None, None]


def test_an_assignment_narrows_each_filter_of_a_query() -> None:
    drops = {"verdict": ["DROPPED"]}
    assert Assignment(only="tion").filters([], []) == ([{"node_name": ["tion/"]}], [])
    assert Assignment(only="tion").filters([drops, {}], []) == (
        [{**drops, "node_name": ["tion/"]}, {"node_name": ["tion/"]}],
        [],
    )
    assert Assignment(without=("tion",)).filters([drops], [{}]) == ([drops], [{}, {"node_name": ["tion/"]}])


def test_a_filter_that_names_nodes_is_left_as_it_is() -> None:
    named = {"node_name": ["koornacht/worker"]}
    assert Assignment(only="tion").filters([named], []) == ([named], [])


def test_who_feeds_a_cluster_is_said_openly() -> None:
    mesh = mesh_of(4)
    tell(mesh, "koornacht", *STATES[0])
    tell(mesh, "tion", *STATES[2])
    assert feed_of(mesh, "tion") == Feed(s.FlowSource.AGENTS)
    tell(mesh, "tion", *STATES[3])
    assert feed_of(mesh, "tion").text == "koornacht's relay"
    reduce(mesh, s.RelayChanged("koornacht", 1.0, nodes=("koornacht/k1",)))
    assert feed_of(mesh, "tion") == Feed(s.FlowSource.NONE), "a Relay that does not reach its nodes is no help"
    assert feed_of(mesh, "koornacht") == Feed(s.FlowSource.RELAY_DIRECT)
