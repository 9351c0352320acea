"""Begins a load test: from a workload of a cluster, or from this machine."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from msgspec.structs import replace

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError
from meshtui.core.load.spec import LoadEnded, LoadEvent, LoadSpec
from meshtui.core.settings import Settings
from meshtui.kube.api import Api
from meshtui.mesh.load.run import run_load


async def opened(
    api_of: Callable[[str], Api], spec: LoadSpec, settings: Settings, clock: Clock, rng: random.Random
) -> AsyncGenerator[LoadEvent, None]:
    """Its events; closing it stops the run. `api_of` raises why there is no API server for a context."""
    events: AsyncGenerator[LoadEvent, None]
    whole = complete(spec, settings, rng)
    if not spec.context:
        from meshtui.mesh.load.direct import run_direct

        events = run_direct(whole, clock)
    else:
        try:
            api = api_of(spec.context)
        except MeshtuiError as error:
            yield LoadEnded(clock.now(), problem=str(error), hint=error.hint)
            return
        events = run_load(api, whole, clock)
    async with aclosing(events):
        async for event in events:
            yield event


def complete(spec: LoadSpec, settings: Settings, rng: random.Random) -> LoadSpec:
    """A boundary no answer can know, and the settings' way to tell who answered where the spec says nothing."""
    untouched = spec.cluster_field == LoadSpec(spec.url).cluster_field
    return replace(
        spec,
        boundary=spec.boundary or f"mt{rng.getrandbits(64):016x}",
        cluster_field=settings.cluster_field if untouched else spec.cluster_field,
        cluster_header=spec.cluster_header or settings.cluster_header,
    )
