"""The services room on the embedded mesh: real session, real agents' tables, real flows, a real race, a real drill.

Each starts a mesh of its own; agents tell their tables, and flows of requests come, some seconds after.
"""

import pytest

from meshtui.core.model import resources as r
from meshtui.core.routing import annotations as a
from meshtui.core.routing import route
from meshtui.tui.changes.consent import ConsentDialog
from meshtui.tui.changes.history import HistoryDialog
from meshtui.tui.services.detail import ServiceDialog
from tests.tui.conftest import Board
from tests.tui.test_road import on_embedded_mesh, ten_curls

REBEL = "default/rebel-base"


async def shown(board: Board, kind):
    await board.until(lambda: isinstance(board.app.screen, kind), kind.__name__)
    return board.app.screen


@pytest.mark.timeout(120)
async def test_prediction_tables_answers_and_flows_agree_on_the_screen():
    async with on_embedded_mesh("global") as board:
        await ten_curls(board)
        await board.press("2", "enter")
        dialog = await shown(board, ServiceDialog)
        await board.until(lambda: len(dialog.realised) == 2)
        await board.until(lambda: "10 of 10 answered" in board.text())
        await board.until(
            lambda: "10 connections since" in board.text(), "every request is one connection in the flows"
        )
        text = board.text()
        assert "in the tables of koornacht-control-plane" in text
        assert "disagree" not in text
        run = board.app.board.load_pane.runs[-1]
        assert dialog.measured["koornacht"].counts == run.summary.by_cluster


@pytest.mark.timeout(120)
async def test_a_race_with_someone_else_is_shown_and_asked_about():
    async with on_embedded_mesh("global") as board:
        session = board.app.board.session
        session.mesh.clusters["koornacht"].trusted = False
        await board.until(lambda: session.mesh.clusters["koornacht"].services)
        await board.press("2", "a")
        await shown(board, ConsentDialog)
        theirs = {"metadata": {"annotations": {a.AFFINITY: "remote"}}}
        await session.api("koornacht").patch(r.SERVICES, "rebel-base", "default", theirs)
        await board.press("tab", "tab", "enter")
        await board.until(lambda: "remote → local" in board.text(), "shown again, from what is there now")
        services = session.mesh.clusters["koornacht"].services
        assert services[REBEL].annotations[a.AFFINITY] == "remote"
        await board.press("escape")
        await board.until(lambda: not isinstance(board.app.screen, ConsentDialog))
        fresh = await session.api("koornacht").get(r.SERVICES, "rebel-base", "default")
        assert fresh.annotations[a.AFFINITY] == "remote", "nothing was written over"


@pytest.mark.timeout(120)
async def test_the_failover_drill_is_two_keys_and_is_remembered():
    """Over 5 s: it takes pods down and up again, and waits each time until the mesh answers otherwise."""
    async with on_embedded_mesh("global") as board:
        session = board.app.board.session
        for here in (False, True):
            await board.press("2", "D")
            await board.until(
                lambda here=here: (
                    route(session.mesh, "koornacht", REBEL).shares.get("koornacht") == (0.5 if here else None)
                )
            )
        await board.until(lambda: "K → K 2, T 2" in board.text(board.app.board.services))
        await board.press("H")
        await shown(board, HistoryDialog)
        await board.until(lambda: "replicas 0 → 2" in board.text())
        assert "failover drill: default/rebel-base to zero in koornacht" in board.text()
