"""Services of the system are never toggled without a dialog that says what breaks; a global one is a finding."""

from __future__ import annotations

import pytest

from meshtui.core.findings import Severity, findings_for
from meshtui.core.findings.model import Kind
from meshtui.core.model import resources as r
from meshtui.core.routing import annotations as a
from meshtui.tui.changes.consent import ConsentDialog
from tests.core.recorded import mesh_of
from tests.tui.conftest import board_on
from tests.tui.fakes import recorded_mesh

SYSTEM = ("default/kubernetes", "kube-system/kube-dns", "kube-system/hubble-relay")


@pytest.mark.parametrize("key", ["g", "G"])
async def test_even_a_trusted_lab_asks_and_says_what_breaks(key: str) -> None:
    async with board_on(recorded_mesh(trusted=True)) as board:
        pane = board.app.board.services
        for service in SYSTEM[:2]:
            assert pane.select(service, "koornacht")
            await board.press(key)
            await board.until(lambda: isinstance(board.app.screen, ConsentDialog))
            told = " ".join(board.text().split())
            assert "belongs to the system" in told
            broken = "refuse their tokens" if service == SYSTEM[0] else "ask other clusters' DNS"
            assert broken in " ".join(told.replace("│", " ").split())
            await board.press("escape")
        assert board.session.performed == []


@pytest.mark.parametrize("service", SYSTEM)
def test_one_that_is_global_is_a_finding_with_its_fix(service: str) -> None:
    mesh = mesh_of(4)
    cluster = mesh.clusters["koornacht"]
    cluster.objects[r.SERVICES][service] = a.changed(cluster.services[service], {a.GLOBAL: "true"})
    found = [finding for finding in findings_for(mesh, service) if finding.kind is Kind.SYSTEM_GLOBAL]
    assert found
    assert all(finding.severity is not Severity.INFO and finding.fixes for finding in found)


async def test_a_change_that_changes_nothing_is_not_sent_and_leaves_no_undo() -> None:
    async with board_on(recorded_mesh(trusted=True)) as board:
        board.app.board.change(
            lambda session: session.plan_annotation([("koornacht", "default/rebel-base")], "global", "true")
        )
        await board.until(lambda: "already" in board.text() or "nothing" in board.text())
        assert board.session.performed == []
        assert not board.session.history.done
        await board.press("u")
        assert "there is nothing to undo" in board.text()
