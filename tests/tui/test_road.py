"""The whole road on the embedded mesh: real session, real sockets, keys in, screen out."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshtui.core.flows.flow import Verdict
from meshtui.core.load.spec import Answer
from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.sim import SimOptions, launch
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.policies.screen import PoliciesScreen
from meshtui.tui.start import opening
from tests.mesh.conftest import FAST
from tests.tui.conftest import Board

REBEL = "default/rebel-base"
PATIENCE = 0.25
"""Seconds a request may take here, on the network: ten that nobody answers come one after another."""


@asynccontextmanager
async def on_embedded_mesh(state: str) -> AsyncIterator[Board]:
    held = []

    def make(running):
        held.append(running)
        settings = Settings(kubeconfig=running.kubeconfig, relays=running.relays, load_max_time=PATIENCE)
        return Session(choose(settings, os.environ), settings, pace=FAST)

    start = opening(make, lambda: launch(SimOptions(state=state, seed=3)))
    app = MeshtuiApp(start, Settings(utc=True), SystemClock())
    async with app.run_test(size=(120, 40)) as pilot:
        board = Board(app, pilot, None)
        await board.until(lambda: "starting the embedded mesh" in board.text() or app.board.session)
        await board.until(lambda: "→" in board.text(app.board.services))
        board.running = held[0] if held else None
        yield board


async def ten_curls(board: Board) -> list:
    pane = board.app.board.load_pane
    runs = len(pane.runs)
    await board.until(lambda: all(c.api.phase.value == "live" for c in board.app.board.mesh.clusters.values()))
    await board.press("l")
    await board.until(lambda: len(pane.runs) == runs + 1)
    await board.until(lambda: not pane.running)
    assert not pane.runs[-1].problem, pane.runs[-1].problem
    assert len(pane.runs[-1].requests) == 10
    return pane.runs[-1].requests


@pytest.mark.timeout(180)
async def test_the_whole_road():
    async with on_embedded_mesh("deployed") as board:
        dashboard = board.app.board
        await board.until(lambda: "koornacht-control-plane  ✔ Ready" in board.text(dashboard.clusters))
        await board.until(lambda: "tion-control-plane" in board.text(dashboard.clusters))

        first = await ten_curls(board)
        assert [q.cluster for q in first] == ["koornacht"] * 10
        await board.until(lambda: "●K●K●K●K●K●K●K●K●K●K" in board.text(dashboard.load_pane))

        await board.press("2", "G")
        await board.until(lambda: board.text(dashboard.services).count("◉g") == 2, "the watch confirms global")
        await board.until(lambda: not dashboard.session.pending)
        second = await ten_curls(board)
        assert {q.cluster for q in second} == {"koornacht", "tion"}
        await board.until(lambda: "as expected" in board.text(dashboard.load_pane))

        await board.press("p")
        await board.until(lambda: isinstance(board.app.screen, PoliciesScreen))
        await board.until(lambda: "no policies" in board.text())
        await board.press("a")
        await board.until(lambda: "default-deny" in board.text())
        await board.press("enter")
        await board.until(lambda: board.text().count("✔ present") >= 2, "both clusters have it")
        await board.press("escape")
        third = await ten_curls(board)
        assert {q.answer for q in third} == {Answer.TIMED_OUT}
        pane = dashboard.flows
        await board.until(lambda: pane.items and pane.items[-1].time_ns / 1e9 > third[-1].at - PATIENCE - 0.5)
        seen = [row.time_ns / 1e9 for row in pane.items]
        assert {row.verdict for row in pane.items} == {Verdict.DROPPED}
        for request in third:
            assert any(request.at - PATIENCE - 0.5 < at <= request.at for at in seen), "a drop for every timeout"
        assert "✗ EGRESS denied at K" in board.text(pane)
        assert "default-deny, no rule allows" in board.text(pane)


async def test_undo_takes_back_exactly_what_was_done():
    async with on_embedded_mesh("global") as board:
        services = board.app.board.services
        await board.press("a")
        await board.until(lambda: "local" in board.text(services))
        await board.until(lambda: "K → K 2 ·" in board.text(services))
        await board.press("u")
        await board.until(lambda: "local" not in board.text(services))
        await board.until(lambda: "K → K 2, T 2" in board.text(services))
