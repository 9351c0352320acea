"""Routing against the real mesh: predicted backends equal the agents' tables and who answered."""

from __future__ import annotations

import pytest

from meshtui.core.routing import Reason, route
from tests.core import recorded

BEFORE_POLICIES = range(3, 10)


@pytest.mark.parametrize("client", recorded.CLUSTERS)
@pytest.mark.parametrize("step", sorted(recorded.STEPS))
def test_backends_equal_the_agents_tables(step, client):
    realised = recorded.realised(step, client)
    if realised is None:
        assert step == 15, "only the cut link was recorded without the agents' tables"
        realised = recorded.realised(14, client)
    found = route(recorded.mesh_of(step), client, recorded.KEY)
    assert {b.ip for b in found.backends} == realised


@pytest.mark.parametrize("client", recorded.CLUSTERS)
@pytest.mark.parametrize("step", BEFORE_POLICIES)
def test_predicted_clusters_answered(step, client):
    names, timeouts = recorded.answers(step, client)
    found = route(recorded.mesh_of(step), client, recorded.KEY)
    assert set(found.shares) == names
    assert timeouts == 0


def test_failover_is_named():
    found = route(recorded.mesh_of(7), "koornacht", recorded.KEY)
    assert found.failover
    assert found.summary == "T 2 (failover)"


def test_reasons_name_the_step():
    assert route(recorded.mesh_of(3), "koornacht", recorded.KEY).why_not("tion").reason is Reason.NOT_GLOBAL_HERE
    assert route(recorded.mesh_of(5), "koornacht", recorded.KEY).why_not("tion").reason is Reason.NOT_SHARED
    assert route(recorded.mesh_of(6), "koornacht", recorded.KEY).why_not("tion").reason is Reason.AFFINITY_LOCAL
    remote = route(recorded.mesh_of(8), "koornacht", recorded.KEY)
    assert remote.why_not("koornacht").reason is Reason.AFFINITY_REMOTE
    assert remote.summary == "T 2"


def test_cut_link_leaves_silent_backends_in_rotation():
    found = route(recorded.mesh_of(15), "koornacht", recorded.KEY)
    assert found.shares == {"koornacht": 0.5, "tion": 0.5}
    assert found.answering == {"koornacht"}
    assert found.silent == {"tion"}
    assert found.summary == "K 2, T 2 silent"
    assert any("still in rotation" in note for note in found.notes)
    assert not route(recorded.mesh_of(16), "koornacht", recorded.KEY).silent
