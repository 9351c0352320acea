"""Changes of a service from its pane: consent, conflicts, drill, history, and what findings mend."""

import msgspec
import pytest

from meshtui.core.changes.plan import Outcome
from meshtui.core.errors import Conflict, Forbidden
from meshtui.core.findings import Finding
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import annotations as a
from meshtui.tui.changes.consent import ConsentDialog
from meshtui.tui.changes.history import HistoryDialog
from meshtui.tui.findings.dialog import FindingsDialog
from meshtui.tui.services.detail import ServiceDialog
from tests.core.recorded import annotate
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW, recorded_mesh

REBEL = "default/rebel-base"


async def test_the_dialog_can_rehearse_and_changes_nothing_by_that():
    async with board_on(recorded_mesh(trusted=False)) as board:
        calls = []
        perform = board.session.perform

        async def recorded(plan, **how):
            calls.append(how)
            return tuple(Outcome(step) for step in plan.steps) if how.get("dry_run") else await perform(plan, **how)

        board.session.perform = recorded
        await board.press("g")
        await board.shown(ConsentDialog)
        await board.press("d")
        await board.until(lambda: "would be accepted" in board.text())
        assert calls == [{"dry_run": True}]
        await board.press("escape")
        assert not board.session.performed


async def test_two_protected_contexts_want_both_names():
    mesh = recorded_mesh(trusted=False)
    for cluster in mesh.clusters.values():
        cluster.protected = True
    async with board_on(mesh) as board:
        await board.press("G")
        await board.shown(ConsentDialog)
        await board.press(*"koornacht", "enter")
        assert not board.session.performed
        await board.press(*"tion", "space", *"koornacht", "enter")
        await board.until(lambda: board.session.performed)


async def test_a_conflict_is_shown_as_it_is_now_and_asked_again(board: Board):
    tries = []
    perform = board.session.perform

    async def raced(plan, **how):
        tries.append(plan)
        if len(tries) > 1:
            return await perform(plan, **how)
        annotate(board.session.mesh, "koornacht", a.AFFINITY, "remote")
        return (Outcome(plan.steps[0], Conflict("changed meanwhile", context="koornacht")),)

    board.session.perform = raced
    await board.press("a")
    await board.shown(ConsentDialog)
    text = board.text()
    assert "service.cilium.io/affinity  remote → local" in text
    assert "was changed by someone meanwhile" in text
    assert board.app.focused is not None
    assert board.app.focused.id == "cancel", "trusted or not, a conflict is never written over unasked"
    await board.press("tab", "tab", "enter")
    await board.until(lambda: board.session.performed)
    assert tries[1].steps[0].resource_version != tries[0].steps[0].resource_version


@pytest.mark.parametrize(("right", "key"), [("annotate", "g"), ("annotate", "A"), ("scale", "D")])
async def test_a_key_one_may_not_use_says_why(right, key):
    mesh = recorded_mesh()
    mesh.clusters["koornacht"].denied[right] = "your credentials do not allow that"
    async with board_on(mesh) as board:
        await board.press(key)
        await board.until(lambda: "koornacht: your credentials do not allow that" in board.text())
        assert not board.session.performed


async def test_undo_is_greyed_while_there_is_nothing_to_undo(board: Board):
    await board.press("u")
    assert "Undo: there is nothing to undo" in board.text()


async def test_the_drill_asks_with_its_effect_like_any_other_change():
    mesh = recorded_mesh(trusted=False)
    selector = mesh.clusters["koornacht"].services[REBEL].spec.selector
    raw = {
        "metadata": {"name": "rebel-base", "namespace": "default"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": selector}}},
    }
    item = msgspec.convert(raw, o.Deployment)
    reduce(mesh, s.Changed("koornacht", r.DEPLOYMENTS, {item.key: item}, NOW))
    async with board_on(mesh) as board:
        await board.press("D")
        await board.shown(ConsentDialog)
        text = board.text()
        for part in (
            "replicas  2 → 0",
            "koornacht's clients: K 2, T 2 → T 2",
            "scale deployment rebel-base --replicas=0",
        ):
            assert part in text, part
        await board.press("tab", "tab", "enter")
        await board.until(lambda: board.session.performed)


async def test_history_names_each_step_and_the_audit_log(board: Board):
    await board.press("H")
    await board.shown(HistoryDialog)
    await board.until(lambda: "nothing was changed in this session" in board.text())
    assert "/state/audit.jsonl" in board.text()
    await board.press("escape")
    plan = board.session.plan_toggle([("koornacht", REBEL), ("tion", REBEL)], "shared")
    error = Forbidden("no", context="tion", status=403, cause="not yours", hint="ask")
    outcomes = (Outcome(plan.steps[0], at=NOW), Outcome(plan.steps[1], error, at=NOW))
    board.session.history.done.append((plan, outcomes))
    board.session.history.tried.append((plan, outcomes))
    await board.press("H")
    await board.until(
        lambda: "19:36:28 ! default/rebel-base: set shared to false in koornacht, tion  1 of 2" in board.text()
    )
    for part in ("u undoes this", "✔ K  default/rebel-base  shared absent → false", "✗ T", "not yours"):
        assert part in board.text(), part


async def test_findings_are_listed_and_mended_from_the_list_and_from_the_service():
    mesh = recorded_mesh()
    annotate(mesh, "tion", a.GLOBAL, None)
    async with board_on(mesh) as board:
        await board.until(lambda: "1 finding" in board.text())
        await board.press("f")
        await board.shown(FindingsDialog)
        await board.until(lambda: "global in one cluster only" in board.text())
        await board.press("y")
        await board.until(lambda: "copied: " in board.text())
        await board.press("o")
        found = await board.shown(ServiceDialog)
        await board.until(lambda: any(isinstance(item, Finding) for item in found.list.items))
        await board.press("n", "enter")
        await board.until(lambda: board.session.performed)
        (step,) = board.session.performed[0].steps
        assert (step.context, step.after) == ("tion", {a.GLOBAL: "true"})
        board.session.confirm()
        await board.until(lambda: not any(isinstance(item, Finding) for item in found.list.items))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_every_dialog_of_the_room_fits(size):
    mesh = recorded_mesh(trusted=False)
    annotate(mesh, "tion", a.GLOBAL, None)
    async with board_on(mesh, size=size) as board:
        for keys, kind in (("enter", ServiceDialog), ("f", FindingsDialog), ("H", HistoryDialog), ("G", ConsentDialog)):
            await board.press(keys)
            await board.shown(kind)
            await board.until(lambda: "╰" in board.text())
            lines = board.text().splitlines()
            assert len(lines) == size[1]
            assert all(len(line) <= size[0] for line in lines)
            if kind is ConsentDialog:
                assert "Cancel" in board.text()
            await board.press("escape")
