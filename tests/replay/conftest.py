"""The dashboard on the real session, on clusters that answer as they did when they were recorded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml

from meshtui.core.flows.assignment import shares
from meshtui.core.settings import Settings
from meshtui.hubble.pb import observer_pb2
from meshtui.mesh.pace import Pace
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.start import opening
from tests.kube.fake import TOKEN, serving
from tests.replay.cluster import RecordedApi, RecordedRelay, recorded, recorded_flows
from tests.tui.conftest import Board
from tests.waiting import until

PACE = Pace(heartbeat=1.0, config=2.0, agents=1.0, health=1.0, access=5.0, relay=1.0, first_retry=0.1, last_retry=0.5)
WIDTH, HEIGHT = 150, 60


class ThenClock:
    """The time of the recording, going on from there."""

    def __init__(self, began: float) -> None:
        self._ahead = began - time.time()

    def now(self) -> float:
        return time.time() + self._ahead

    def monotonic(self) -> float:
        return time.monotonic()


class Stage:
    """A recorded step being played: the dashboard on it, and what can still happen."""

    def __init__(self, board: Board, session: Session, apis: dict[str, RecordedApi], relays: dict[str, RecordedRelay]):
        self.board = board
        self.session = session
        self.apis = apis
        self.relays = relays

    def pane(self, name: str) -> str:
        """`clusters`, `services` or `flows` as plain text."""
        return self.board.text(getattr(self.board.app.board, name))

    async def says(self, name: str, *parts: str) -> str:
        """Wait until a pane, or the whole screen (`screen`), shows every part; its text then, one blank for many."""

        def text() -> str:
            shown = self.board.text() if name == "screen" else self.pane(name)
            return "\n".join(" ".join(line.split()) for line in shown.splitlines())

        await self.until(lambda: all(part in text() for part in parts), lambda: f"{parts} in\n{text()}")
        return text()

    async def until(self, holds: Callable[[], object], told: Callable[[], object]) -> None:
        """Wait for a condition; `told` is asked what is there instead once the deadline has passed."""

        async def met() -> bool:
            if holds():
                return True
            await self.board.pilot.pause()
            return False

        await until(met, what=told, every=0.02)

    async def play_flows(self, step: str) -> None:
        """Once every Relay is asked for what it is to deliver and for nothing else, both see what all agents saw."""
        await self.until(
            lambda: self.session.mesh_flows.shared_out and all(self._asked(context) for context in self.relays),
            lambda: [relay.followed for relay in self.relays.values()],
        )
        for relay in self.relays.values():
            relay.push(*recorded_flows(step))

    def _asked(self, context: str) -> bool:
        """Whether a Relay is followed as assigned: a question that was asked before may still be open."""
        share = shares(self.session.mesh)[context]
        followed = list(self.relays[context].followed)
        return len(followed) == 1 + (share.besides is not None) and all(map(_assigned, followed))


def _assigned(request: observer_pb2.GetFlowsRequest) -> bool:
    """Whether a Relay is asked for its own cluster's nodes, or for all but other clusters'."""
    return any(wanted.node_name for wanted in (*request.whitelist, *request.blacklist))


Play = Callable[..., AbstractAsyncContextManager[Stage]]


def kubeconfig(folder: Path, apis: dict[str, RecordedApi]) -> Path:
    """One file with a context for each cluster."""
    document = {"contexts": [], "clusters": [], "users": [{"name": "u", "user": {"token": TOKEN}}]}
    for name, api in apis.items():
        authority = folder / f"{name}-ca.pem"
        api.authority.cert_pem.write_to_path(str(authority))
        cluster = {"server": api.server, "certificate-authority": authority.name}
        document["clusters"].append({"name": name, "cluster": cluster})
        document["contexts"].append({"name": name, "context": {"cluster": name, "user": "u"}})
    path = folder / "config"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Serves a recorded step and opens the dashboard on it."""

    @asynccontextmanager
    async def start(step: str, *, relays: bool = True) -> AsyncIterator[Stage]:
        async with AsyncExitStack() as stack:
            apis = {name: RecordedApi(files=files) for name, files in recorded(step).items()}
            for api in apis.values():
                await stack.enter_async_context(serving(api))
            served = {name: RecordedRelay("127.0.0.1:0") for name in apis} if relays else {}
            for relay in served.values():
                relay.start()
                stack.callback(relay.kill)
            settings = Settings(
                kubeconfig=kubeconfig(tmp_path, apis),
                state_directory=tmp_path / "state",
                relays={name: relay.address for name, relay in served.items()},
                trusted=("*",),
                utc=True,
            )
            clock = ThenClock(recorded_flows(step)[0].time.ToNanoseconds() / 1e9 if relays else time.time())
            for api in apis.values():
                api.date = clock.now  # the clocks agree, as they did
            session = Session(choose(settings, {}), settings, pace=PACE, clock=clock)
            app = MeshtuiApp(opening(lambda: session), settings, clock)
            async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
                board = Board(app, pilot, None)
                await board.until(lambda: app.board.session is not None)
                yield Stage(board, session, apis, served)

    return start
