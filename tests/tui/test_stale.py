"""What vanishes is marked stale with its age at once, on every pane; what comes back is shown as if it never left."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from meshtui.core.errors import TimedOut
from meshtui.core.health.model import Verdict
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.objects import Meta
from meshtui.core.model.objects import Policy as CiliumPolicy
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW, recorded_mesh

AGE = 12.0


def away(board: Board, name: str = "tion") -> None:
    error = TimedOut(f"{name} did not answer within 10 s", context=name)
    board.session.emit(s.ApiChanged(name, s.Phase.STALE, NOW - AGE, error=error))


def back(board: Board, name: str = "tion") -> None:
    board.session.emit(s.ApiChanged(name, s.Phase.LIVE, NOW, "1.36.2"))


@pytest.fixture
async def tall() -> AsyncIterator[Board]:
    async with board_on(size=(130, 70)) as found:
        yield found


async def test_an_api_server_that_vanishes_marks_its_cluster_nodes_links_and_services_with_their_age(
    tall: Board,
) -> None:
    board = tall
    clusters, services = board.app.board.clusters, board.app.board.services
    before = board.text(clusters), board.text(services)
    away(board)
    await board.until(lambda: "! stale 12 s" in board.text(clusters), "the cluster's age")
    lines = board.text(clusters).splitlines()
    (worker,) = [line for line in lines if "tion-control-plane" in line]
    assert "✔" not in worker
    assert "! Ready" in worker
    assert "as of 12 s ago" in worker
    (link,) = [line for line in lines if "link T→K" in line]
    assert "! as of 12 s ago" in link
    rows = [line for line in board.text(services).splitlines() if " T " in line and "◉g" in line]
    assert rows, board.text(services)
    for row in rows:
        assert "! 12 s old" in row, "there is no room for more"
        assert "✔" not in row
    assert "1 API server away" in board.text(), "the header says it"
    (mine,) = [line for line in board.text(clusters).splitlines() if "koornacht-control-plane" in line]
    assert "✔ Ready" in mine, "the other cluster is not affected"
    back(board)
    await board.until(lambda: (board.text(clusters), board.text(services)) == before, "as if it never left")
    assert "stale" not in board.text()


async def test_many_clusters_folded_services_show_what_is_stale() -> None:
    mesh = recorded_mesh()
    for number, tag in enumerate("NHE", start=2):
        name = f"cluster-{tag}"
        mesh.clusters[name] = s.Cluster(name, tag, number)
    async with board_on(mesh, (140, 40)) as board:
        board.session.emit(s.ApiChanged("cluster-N", s.Phase.LIVE, NOW, "1.36.2"))
        away(board)
        services = board.app.board.services
        await board.until(lambda: "!4/4" in board.text(services), "a total that holds what is stale")
        back(board)
        await board.until(lambda: "!4/4" not in board.text(services), "over")


async def test_policies_of_a_cluster_that_is_away_are_marked_with_its_age_and_recover(board: Board) -> None:
    policy = CiliumPolicy(metadata=Meta(name="rebels-only", namespace="default", resource_version="1"))
    for name in ("koornacht", "tion"):
        board.session.emit(s.Listed(name, r.CNPS, {policy.key: policy}, NOW))
    await board.press("p")
    await board.until(lambda: "rebels-only" in board.text(), "the policies' screen")
    (row,) = [line for line in board.text().splitlines() if "rebels-only" in line and "CNP" in line]
    away(board)
    await board.until(lambda: "tion stale 12 s" in board.text(), "the title says it")
    (old,) = [line for line in board.text().splitlines() if "rebels-only" in line and "CNP" in line]
    assert "T!" in old.replace(" ", "")
    assert "K!" not in old.replace(" ", "")
    back(board)
    await board.until(lambda: "stale" not in board.text(), "over")
    assert [line for line in board.text().splitlines() if "rebels-only" in line and "CNP" in line] == [row]


async def test_findings_that_rest_on_a_stale_cluster_say_so_and_flows_say_since_when(tall: Board) -> None:
    board = tall
    board.session.emit(s.RelayChanged("tion", NOW - 7, s.Phase.STALE))
    flows = board.app.board.flows
    await board.until(lambda: "stale 7 s" in str(flows.border_title), "the flows' title")
    assert "! stale 7 s" in board.text(board.app.board.clusters)
    away(board)
    await board.press("f")
    await board.until(lambda: "API server does not answer" in board.text(), "the finding")
    assert "what is shown of it is as old as that" in board.text()
    await board.press("escape")
    board.session.emit(
        s.RelayChanged("tion", NOW, s.Phase.LIVE, s.FlowSource.RELAY_DIRECT, "127.0.0.1:1", nodes_connected=2, rate=9.0)
    )
    back(board)
    await board.until(lambda: "stale" not in board.text() and "stale" not in str(flows.border_title), "over")
    assert board.session.judgement.cluster("tion").verdict is not Verdict.STALE
