"""The embedded mesh and sessions on it, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshtui.core.settings import Settings
from meshtui.mesh.pace import Pace
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.sim import Running, SimOptions, launch
from tests.waiting import GUARD

FAST = Pace(
    heartbeat=0.3, config=1.0, agents=0.5, health=0.5, access=1.0, relay=0.3, agents_after=2.0, peers=0.3,
    first_retry=0.05, last_retry=0.3,
    account=0.6, account_first=0.4, account_calm=0.8, account_patience=6.0,
)  # fmt: skip


@dataclass
class Lab:
    """One embedded mesh and how to look at it."""

    running: Running
    state: Path
    relays: dict[str, str] = field(default_factory=dict)

    def settings(self, **changes: Any) -> Settings:
        values = {"kubeconfig": self.running.kubeconfig, "state_directory": self.state, "relays": self.relays}
        return Settings(**{**values, **changes})

    @asynccontextmanager
    async def session(self, *, scope: Scope | None = None, pace: Pace = FAST, **changes: Any) -> AsyncIterator[Session]:
        """A settled session."""
        settings = self.settings(**changes)
        session = Session(choose(settings, {}), settings, pace=pace, scope=scope or Scope(flows=False))
        async with session:
            assert await session.settled(GUARD)
            yield session

    async def fault(self, name: str, **fields: Any) -> None:
        """Break something."""
        async with httpx.AsyncClient(timeout=GUARD) as http:
            answer = await http.post(f"{self.running.control}/faults", json={"fault": name, **fields})
            assert answer.status_code < 300, answer.text

    async def heal(self) -> None:
        """Mend everything."""
        async with httpx.AsyncClient(timeout=GUARD) as http:
            answer = await http.delete(f"{self.running.control}/faults")
            assert answer.status_code < 300, answer.text


NewLab = Callable[..., AbstractAsyncContextManager[Lab]]


@pytest.fixture
def new_lab(tmp_path: Path) -> NewLab:
    """Launches an embedded mesh with the given options."""

    @asynccontextmanager
    async def start(*, relays: bool = False, **options: Any) -> AsyncIterator[Lab]:
        async with launch(SimOptions(**{"state": "deployed", **options})) as running:
            yield Lab(running, tmp_path / "state", dict(running.relays) if relays else {})

    return start


@pytest.fixture
async def lab(new_lab: NewLab) -> AsyncIterator[Lab]:
    """Two clusters with the application deployed, nothing annotated."""
    async with new_lab() as made:
        yield made
