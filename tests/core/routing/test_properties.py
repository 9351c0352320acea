"""What holds of every route in every mesh."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.core.routing import annotations as a
from meshtui.core.routing import route, routes
from tests.core import meshes
from tests.core.meshes import KEY, endpoint, endpointslice, put, service

words = st.sampled_from([None, "true", "false", "local", "remote", "none", "", "True"])
marks = st.dictionaries(st.sampled_from([*a.KEYS.values(), *a.ALIASES.values()]), words.filter(bool), max_size=4)
condition = st.fixed_dictionaries(
    {key: st.sampled_from([None, True, False]) for key in ("ready", "serving", "terminating")}
)
cluster = st.tuples(st.booleans(), marks, st.lists(condition, max_size=4))
worlds = st.tuples(
    st.lists(cluster, min_size=1, max_size=4), st.sampled_from([(1, 17), (1, 18), (1, 19), (1, 21), (0, 0)])
)


def build(world):
    clusters, version = world
    names = [f"c{i}" for i in range(len(clusters))]
    mesh = meshes.mesh(*names, version=version)
    for number, (name, (present, written, conditions)) in enumerate(zip(names, clusters, strict=True)):
        if present:
            put(mesh, name, service(written))
        ends = [endpoint(f"10.{number}.0.{i}", **given_) for i, given_ in enumerate(conditions)]
        put(mesh, name, endpointslice(ends))
    return mesh


@settings(max_examples=80, deadline=None)
@given(worlds)
def test_shares_sum_to_one_or_nobody_serves(world):
    for found in routes(build(world), KEY):
        assert not found.shares or math.isclose(sum(found.shares.values()), 1.0)
        assert bool(found.shares) == bool(found.backends)
        assert found.backends or found.unused, "nobody without a reason"


@settings(max_examples=80, deadline=None)
@given(worlds)
def test_routes_are_drawn_from_the_clusters_endpoints(world):
    mesh = build(world)
    for found in routes(mesh, KEY):
        assert len({b.ip for b in found.backends}) == len(found.backends)
        left_out = {u.backend.ip for u in found.unused if u.backend}
        assert not left_out & {b.ip for b in found.backends}
        for backend in found.backends:
            ends = [e for item in mesh.clusters[backend.context].endpointslices.values() for e in item.endpoints]
            chosen = next(e.conditions for e in ends if e.addresses == (backend.ip,))
            assert chosen.ready is not False or (chosen.serving and chosen.terminating)


@settings(max_examples=80, deadline=None)
@given(worlds)
def test_every_cluster_is_either_used_or_explained(world):
    mesh = build(world)
    for found in routes(mesh, KEY):
        if KEY in mesh.clusters[found.context].services:
            explained = {u.context for u in found.unused} | {b.context for b in found.backends}
            others = set(mesh.clusters) - {found.context}
            assert others <= explained


@settings(max_examples=80, deadline=None)
@given(worlds)
def test_nothing_remote_without_both_sides_consent(world):
    mesh = build(world)
    for found in routes(mesh, KEY):
        for backend in found.backends:
            if backend.remote:
                here, there = (
                    a.effective(c.services[KEY], None, c.config)
                    for c in (mesh.clusters[found.context], mesh.clusters[backend.context])
                )
                assert here.global_
                assert there.shared


@settings(max_examples=50, deadline=None)
@given(worlds)
def test_a_route_does_not_depend_on_the_order_of_the_other_clusters(world):
    mesh = build(world)
    first = next(iter(mesh.clusters))
    before = route(mesh, first, KEY)
    mesh.clusters = {first: mesh.clusters[first], **dict(reversed(mesh.clusters.items()))}
    assert route(mesh, first, KEY).shares == before.shares
