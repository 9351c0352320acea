"""Drops in the Flows pane keep the explanation of their time while policies come and go."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec import structs

from meshtui.core.flows.flow import FlowRow
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.tui.flows.commands import FlowCommands
from meshtui.tui.flows.rows import stamp_text
from tests.tui.conftest import board_on
from tests.tui.fakes import NOW, recorded_flows, recorded_mesh

pytestmark = pytest.mark.timeout(60)


def later(seconds: float) -> list[FlowRow]:
    """The recorded drops as of so long after the board's clock."""
    rows = recorded_flows("dropped")
    return [
        dataclasses.replace(row, uuid=f"{row.uuid}+{seconds}", time_ns=int((NOW + seconds) * 1e9) + n)
        for n, row in enumerate(rows)
    ]


async def test_old_drops_are_told_by_old_policies():
    async with board_on(recorded_mesh(10), size=(160, 50)) as board:
        pane = board.app.board.flows
        board.session.deliver(later(-5))
        board.session.deliver(later(1))
        await board.press("3", "z", "G")
        await board.until(lambda: len(pane.items) == 12)
        first, last = pane.items[0], pane.items[-1]
        stamp = stamp_text(int(NOW * 1e9), utc=board.app.board.utc)
        assert said(pane, first).endswith(f"(by the policies of {stamp})"), "older than what is known"
        assert "(default-deny" in said(pane, last)
        assert "by the policies" not in said(pane, last)
        for context in ("koornacht", "tion"):
            held = recorded_mesh(10).clusters[context].of(r.CNPS)
            board.session.emit(s.Changed(context, r.CNPS, dict.fromkeys(held), NOW))
        await board.until(lambda: "default-deny since removed" in said(pane, last))
        assert "; allowed now" in said(pane, last)
        await board.until(lambda: "since removed" in board.text(pane))
        await board.press("enter")
        text = "\n".join("".join(part.text for part in line) for line in board.app.screen.lines)
        assert "default-deny, no rule allows it (default-deny since removed" in text
        assert "allowed now" in text


def said(pane: Any, row: Any) -> str:
    """The second line of a flow, unshortened."""
    return str(pane._sentence(row))


@pytest.mark.parametrize(("clusters", "told"), [("255", "cluster 1, number 32792"), ("511", "cluster 3, number 24")])
async def test_details_name_the_cluster_by_the_size_of_the_mesh(clusters: str, told: str):
    mesh = recorded_mesh(10)
    for cluster in mesh.clusters.values():
        data = {**cluster.config.data, "max-connected-clusters": clusters}
        cluster.config = structs.replace(cluster.config, data=data)
    async with board_on(mesh, size=(120, 40)) as board:
        row = recorded_flows("dropped")[0]
        peer = structs.replace(row.source, identity=98328)
        FlowCommands(board.app.board.flows).open_flow(dataclasses.replace(row, source=peer))
        await board.until(lambda: hasattr(board.app.screen, "lines"))
        text = "\n".join("".join(part.text for part in line) for line in board.app.screen.lines)
        assert f"98328 = {told}" in text
