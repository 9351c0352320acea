"""What is kept from one judgement to the next says what a fresh look says."""

from __future__ import annotations

import random

import pytest

from meshtui.core.health.tally import BUCKET_SECONDS, Course, total
from meshtui.core.health.unready import Unready
from meshtui.core.model.resources import ENDPOINTSLICES
from tests.core import meshes


@pytest.mark.parametrize("seed", range(5))
def test_services_without_a_ready_endpoint_are_those_of_a_fresh_look_after_every_change(seed: int) -> None:
    rng = random.Random(seed)
    mesh = meshes.mesh("c0", "c1")
    kept = Unready(mesh)
    seen = 0
    for _ in range(200):
        context = rng.choice(["c0", "c1"])
        key = f"default/svc-{rng.randrange(4)}"
        ends = [meshes.endpoint(f"10.0.0.{n}", f"p-{n}", ready=rng.random() < 0.3) for n in range(rng.randrange(3))]
        kept.note(meshes.put(mesh, context, meshes.endpointslice(ends, key=key, name=f"slice-{rng.randrange(6)}")))
        if rng.random() < 0.2:
            known = list(mesh.clusters[context].endpointslices)
            kept.note(meshes.remove(mesh, context, ENDPOINTSLICES, rng.choice(known)))
        fresh = Unready(mesh)
        for each in ("c0", "c1"):
            assert kept.of(each) == fresh.of(each)
            seen += len(fresh.of(each))
    assert seen


def test_a_sum_that_is_kept_is_the_sum_of_its_buckets_whatever_was_counted_meanwhile() -> None:
    rng, course, now = random.Random(1), Course(), 1_000_000.0
    for _ in range(500):
        now += rng.choice([0.0, 0.4, 7.0])
        course.at(now - rng.choice([0.0, 6.0])).passed(now, 1.0, "10.0.0.1")
        for seconds in (20.0, 60.0, 20.0):
            fresh = total(t for n, t in course.buckets if (n + 1) * BUCKET_SECONDS > now - seconds)
            assert course.since(now - seconds) == fresh
    assert course.since(now + 1000).requests == 0
