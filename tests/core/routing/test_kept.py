"""Routes that are kept are those of a fresh look, whatever was changed meanwhile."""

from __future__ import annotations

import random

import pytest
from msgspec import structs

from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.reduce import reduce
from meshtui.core.reach import Reaches
from meshtui.core.routing import Routes, Surroundings, route
from meshtui.core.routing.kept import MOST
from tests.core import meshes

NAMES = ("a", "b", "c")
SERVICES = [f"shop/s{n}" for n in range(4)]
WRITTEN = ({}, meshes.GLOBAL, {**meshes.GLOBAL, "service.cilium.io/shared": "false"},
           {**meshes.GLOBAL, "service.cilium.io/affinity": "local"})  # fmt: skip


def change(mesh: s.Mesh, rng: random.Random) -> s.Delta:
    """One thing that decides routes is another one."""
    context, key = rng.choice(NAMES), rng.choice(SERVICES)
    what = rng.randrange(5)
    if what == 0:
        return meshes.put(mesh, context, meshes.service(rng.choice(WRITTEN), key=key))
    if what == 1:  # of any name: a slice may come to belong to another service
        ends = [meshes.endpoint(f"10.{n}.0.{rng.randrange(3)}", ready=rng.random() < 0.7) for n in range(3)]
        return meshes.put(mesh, context, meshes.endpointslice(ends, key=key, name=f"x{rng.randrange(4)}"))
    if what == 2 and mesh.clusters[context].endpointslices:
        return meshes.remove(mesh, context, r.ENDPOINTSLICES, rng.choice(list(mesh.clusters[context].endpointslices)))
    if what == 3 and mesh.clusters[context].services:
        return meshes.remove(mesh, context, r.SERVICES, rng.choice(list(mesh.clusters[context].services)))
    old = mesh.clusters[context].config
    assert isinstance(old, CiliumConfig)
    data = {**old.data, "clustermesh-default-global-namespace": rng.choice(("true", "false"))}
    return reduce(mesh, s.ConfigRead(context, structs.replace(old, data=data)))


@pytest.mark.parametrize("seed", range(8))
def test_they_are_those_of_a_fresh_look_after_every_change(seed: int) -> None:
    rng = random.Random(seed)
    mesh = meshes.mesh(*NAMES)
    around = {context: Surroundings.of(mesh, mesh.clusters[context]) for context in NAMES}
    kept, reaches = Routes(mesh), Reaches(mesh)
    for _ in range(60):
        delta = change(mesh, rng)
        kept.note(delta)
        reaches.note(delta)
        for key in SERVICES:
            for context in NAMES:
                fresh = route(mesh, context, key, around=around[context])
                assert kept.of(context, key, None, around[context]) == fresh
                assert reaches.of(context, key, around=around[context]).route == fresh


def test_an_answer_is_the_same_object_until_links_change() -> None:
    mesh = meshes.mesh(*NAMES)
    meshes.put(mesh, "a", meshes.service(meshes.GLOBAL, key=SERVICES[0]))
    kept, around = Routes(mesh), Surroundings()
    first = kept.of("a", SERVICES[0], None, around)
    assert kept.of("a", SERVICES[0], None, around) is first
    assert kept.of("a", SERVICES[0], None, Surroundings()) is not first
    assert kept.of("a", SERVICES[0], 80, around) is not first


def test_no_more_are_kept_than_are_looked_at() -> None:
    mesh = meshes.mesh("a")
    kept, around = Routes(mesh), Surroundings()
    for n in range(MOST + 100):
        kept.of("a", f"x/s{n}", None, around)
    assert 0 < len(kept) <= MOST
