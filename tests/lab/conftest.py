"""A walk through the lab on an embedded mesh that begins with bare clusters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshtui.core.changes.plan import Outcome, Plan
from meshtui.core.settings import Settings
from meshtui.lab.meshbuilder import EmbeddedMesh, MeshBuilder
from meshtui.lab.walk import Walk
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.sim import Running, SimOptions, Trouble, launch
from tests.mesh.conftest import FAST
from tests.waiting import GUARD

QUICK = 0.25
"""Seconds after which a request of these tests times out: on the network, which no busy machine makes slower."""


def walk_in(session: Session, builder: MeshBuilder, **changes: Any) -> Walk:
    async def perform(plan: Plan) -> tuple[Outcome, ...]:
        if plan.refusal is not None:
            raise plan.refusal
        return await session.perform(plan, confirmed=True)

    return Walk(session, builder, perform, **{"max_time": QUICK, **changes})


@asynccontextmanager
async def walking(kept: Path, *, settings: Any = None, **options: Any) -> AsyncIterator[tuple[Walk, Running]]:
    """A walk on a mesh of three nodes a cluster, and the mesh."""
    async with launch(SimOptions(**{"nodes": 3, **options})) as running:
        ours = Settings(kubeconfig=running.kubeconfig, state_directory=kept, **(settings or {}))
        session = Session(choose(ours, {}), ours, pace=FAST)
        async with session:
            assert await session.settled(GUARD)
            yield walk_in(session, EmbeddedMesh(Trouble(running.control).stage, lambda step: ())), running


Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Begins a walk."""
    return lambda **options: walking(tmp_path / "state", **options)
