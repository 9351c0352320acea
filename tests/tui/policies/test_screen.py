"""The policies' screen: the recorded steps on it, its keys, and every size at which it must stay whole."""

from __future__ import annotations

import contextlib
import re

import msgspec
import pytest

from meshtui.core.changes.plan import Verb
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.tui import commands as c
from meshtui.tui.policies.screen import PoliciesScreen
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW, recorded_flows, recorded_mesh

DENY = "default/default-deny"


async def opened(board: Board) -> PoliciesScreen:
    await board.press("p")
    await board.until(lambda: isinstance(board.app.screen, PoliciesScreen) and board.app.screen.list.items)
    await board.pilot.pause()
    screen = board.app.screen
    assert isinstance(screen, PoliciesScreen)
    return screen


STEPS = {
    10: {"default-deny": ("K✔", "T✔")},
    11: {"default-deny": ("K✔", "T✔"), "x-wing-to-rebel-base": ("K✔", "T–")},
    12: {"x-wing-to-rebel-base": ("K✔", "T–"), "rebel-base-from-x-wing": ("K✔", "T–")},
    13: {"x-wing-to-rebel-base": ("K✔", "T–"), "rebel-base-from-x-wing": ("K✔", "T✔")},
    14: {"x-wing-to-rebel-base": ("K✔", "T–"), "rebel-base-from-x-wing": ("K✔", "T✔")},
}


@pytest.mark.parametrize("step", STEPS)
async def test_recorded_steps(step):
    async with board_on(recorded_mesh(step), size=(160, 50)) as board:
        screen = await opened(board)
        lines = board.text(screen.list).splitlines()
        for name, cells in STEPS[step].items():
            line = next(each for each in lines if f"default/{name}" in each)
            assert all(cell in line for cell in cells), line
        words = board.text(screen.list)
        if step == 14:
            assert "name=rebel-base of any cluster in default" in words
        elif step >= 11:
            assert "name=rebel-base of its own cluster in default" in words
        assert "closes    ingress and egress: what no rule allows is dropped" in board.text()


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_nothing_is_cut_without_saying_so(size):
    mesh = recorded_mesh(14)
    policy = mesh.clusters["tion"].of(r.CNPS)["default/rebel-base-from-x-wing"]
    long = "default/" + "a-very-long-name-" * 8
    meta = msgspec.structs.replace(policy.metadata, name=long.partition("/")[2], resource_version="x")
    reduce(mesh, s.Changed("tion", r.CNPS, {long: msgspec.structs.replace(policy, metadata=meta)}, NOW))
    async with board_on(mesh, size=size) as board:
        screen = await opened(board)
        lines = board.text(screen.list).splitlines()
        [row] = [line for line in lines if "a-very" in line]
        assert "…" in row
        cut = [line for line in lines[1:] if line.strip() and not line.rstrip().endswith(("…", "default", "nobody"))]
        assert not cut or all("proxy" in line for line in cut)
        assert "enter details" in board.text()
        assert "what it do" in lines[0]


async def test_details_tell_pods_flows_writers_differences_and_yaml():
    mesh = recorded_mesh(10)
    policy = mesh.clusters["tion"].of(r.CNPS)[DENY]
    meta = msgspec.structs.replace(policy.metadata, resource_version="later")
    spec = {**(policy.spec or {}), "ingress": [{"fromEntities": ["world"]}]}
    reduce(mesh, s.Changed("tion", r.CNPS, {DENY: msgspec.structs.replace(policy, spec=spec, metadata=meta)}, NOW))
    async with board_on(mesh, size=(160, 50)) as board:
        board.session.deliver(recorded_flows("dropped"))
        await opened(board)
        assert "≠ differs" in board.text()
        await board.press("enter")
        await board.until(lambda: "Flows kept here" in board.text())
        text = board.text()
        assert "koornacht default/x-wing → koornacht default/rebel-base:80" in text or "rebel-base:80" in text
        told = "\n".join("".join(span.text for span in line) for line in board.app.screen.told.lines)
        assert " koornacht → tion" in told
        assert "+  - fromEntities:" in told or "+    - world" in told
        assert "default/x-wing-" in told


async def test_refused_hostile_words_are_shown_and_harmless():
    mesh = recorded_mesh(10)
    policy = mesh.clusters["tion"].of(r.CNPS)[DENY]
    bad = o.PolicyStatus(conditions=[o.Condition(type="Valid", status="False", message="[bold red]x[/] \x1b[31m")])
    meta = msgspec.structs.replace(policy.metadata, resource_version="later")
    reduce(mesh, s.Changed("tion", r.CNPS, {DENY: msgspec.structs.replace(policy, status=bad, metadata=meta)}, NOW))
    async with board_on(mesh, size=(160, 50)) as board:
        await opened(board)
        assert "✗ refused" in board.text()
        assert "the operator: [bold red]x[/] \\e[31m" in board.text()


async def test_apply_to_one_cluster_delete_everywhere_filter_sort_copy_and_workload():
    async with board_on(recorded_mesh(10)) as board:
        screen = await opened(board)
        await board.press("a")
        await board.until(lambda: "Apply to all clusters" in board.text())
        await board.press("c")
        assert "Apply to koornacht" in board.text()
        await board.press("down", "enter")
        await board.until(lambda: board.session.performed)
        (step,) = board.session.performed[0].steps
        assert (step.context, step.name) == ("koornacht", "x-wing-to-rebel-base")
        await board.press("x")
        await board.until(lambda: len(board.session.performed) == 2)
        steps = board.session.performed[1].steps
        assert [(s.context, s.verb) for s in steps] == [("koornacht", Verb.DELETE), ("tion", Verb.DELETE)]

        await board.press("slash", *"is:refused", "enter")
        await board.until(lambda: "no policy matches" in board.text())
        await board.press("slash", *(["backspace"] * 10), *"is:purple", "enter")
        await board.until(lambda: "no state 'purple'" in board.text())
        assert screen.filter == "is:refused"
        await board.press("slash", *(["backspace"] * 10), "enter", "o")
        await board.until(lambda: "by trouble" in board.text())
        await board.press("y")
        assert "policy: default/default-deny" in board.app.clipboard
        await board.press("w", *"default/x-wing", "enter")
        await board.until(lambda: "egress enforced: closed by default-deny" in board.text())
        await board.press("escape", "escape")
        assert board.app.screen is board.app.board


async def test_a_file_that_is_no_policy_is_told_and_one_that_is_is_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # each letter of a whole path is a key
    async with board_on() as board:
        path = tmp_path / "x.yaml"
        path.write_text("kind: Secret\n")
        await opened(board)
        await board.press("a", "f", *path.name, "enter")
        await board.until(lambda: "holds no" in board.text() and "Secret" in board.text())
        path.write_text(
            "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: mine, namespace: default}\n"
        )
        await board.press("f", *path.name, "enter")
        await board.until(
            lambda: re.search("x.yaml +CiliumNetworkPolicy", board.text()) and "holds no" not in board.text()
        )


def editor(tmp_path, monkeypatch, script: str) -> None:
    """A stand-in for $EDITOR."""
    monkeypatch.setattr("textual.app.App.suspend", lambda _: contextlib.nullcontext())
    path = tmp_path / "edit.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(path))
    monkeypatch.delenv("VISUAL", raising=False)


async def test_the_editor_changes_it_and_leaving_it_changes_nothing(tmp_path, monkeypatch):
    async with board_on(recorded_mesh(10)) as board:
        await opened(board)
        editor(tmp_path, monkeypatch, "exit 0")
        await board.press("e")
        await board.until(lambda: "left as it is" in board.text(board.app.board.message))
        assert board.session.performed == []
        editor(tmp_path, monkeypatch, """sed -i 's/Default Deny/Closed/' "$1\"""")
        await board.press("e")
        await board.until(lambda: board.session.performed)
        (plan,) = board.session.performed
        assert {step.context: step.after["spec"]["description"] for step in plan.steps} == {
            "koornacht": "Closed",
            "tion": "Closed",
        }
        assert {step.before["spec"]["description"] for step in plan.steps} == {"Default Deny"}


async def test_what_cannot_be_applied_is_said_and_the_editor_opens_with_it_again(tmp_path, monkeypatch):
    async with board_on(recorded_mesh(10)) as board:
        screen = await opened(board)
        editor(tmp_path, monkeypatch, """echo '}: mine' >> "$1\"""")
        await board.press("e")
        await board.until(lambda: "is not YAML" in board.text(board.app.board.message))
        [kept] = screen.drafts.values()
        assert kept.endswith("}: mine\n")
        editor(tmp_path, monkeypatch, f"""cp "$1" {tmp_path}/seen; exit 3""")
        await board.press("e")
        await board.until(lambda: "ended with 3" in board.text(board.app.board.message))
        assert (tmp_path / "seen").read_text() == kept
        monkeypatch.setenv("EDITOR", "/no/such/editor")
        await board.press("e")
        await board.until(lambda: "cannot be started" in board.text(board.app.board.message))
        assert board.session.performed == []


async def test_its_keys_are_the_registrys_in_help_and_when_mapped_anew():
    async with board_on(recorded_mesh(10)) as board:
        await opened(board)
        await board.press("question_mark")
        await board.until(lambda: "Keys here" in board.text())
        told = board.text()
        assert all(command.title in told for command in c.in_scope("policies") if command.id.startswith("policies."))
        await board.press("escape", "escape")
        board.app.set_keymap({"policies.apply": "f6"})
        await opened(board)
        await board.press("a")
        assert isinstance(board.app.screen, PoliciesScreen)
        await board.press("f6")
        await board.until(lambda: "Apply to all clusters" in board.text())


async def test_the_palette_runs_them_from_anywhere():
    async with board_on(recorded_mesh(10)) as board:
        await board.app.action_run("policies.apply")
        await board.until(lambda: "Apply to all clusters" in board.text())
        await board.press("escape")
        assert isinstance(board.app.screen, PoliciesScreen)


async def test_pods_that_come_and_go_make_only_rows_that_select_them_anew():
    async with board_on(recorded_mesh(10)) as board:
        screen = await opened(board)
        before = screen.overview.rows()
        mesh = board.session.mesh
        name, pod = next(iter(mesh.clusters["tion"].pods.items()))
        status = msgspec.structs.replace(pod.status, pod_ip="192.0.2.1")
        meta = msgspec.structs.replace(pod.metadata, resource_version="later")
        board.session.emit(
            s.Changed("tion", r.PODS, {name: msgspec.structs.replace(pod, status=status, metadata=meta)}, NOW)
        )
        assert all(new is old for new, old in zip(screen.overview.rows(), before, strict=True))
        assert not screen.stale
        board.session.emit(
            s.Changed(
                "tion", r.PODS, {next(k for k in mesh.clusters["tion"].pods if k.startswith("default/")): None}, NOW
            )
        )
        [row] = screen.overview.rows()
        assert row is not before[0]
        assert len(row.cells[1].selects) == len(before[0].cells[1].selects) - 1


async def test_a_findings_policy_is_opened_among_all():
    async with board_on(recorded_mesh(12)) as board:
        await board.press("f")
        await board.until(lambda: "policy in one cluster only" in board.text())
        await board.press("o")
        await board.until(lambda: isinstance(board.app.screen, PoliciesScreen) and board.app.screen.row)
        assert board.app.screen.row.text == "default/rebel-base-from-x-wing"
        assert len(board.app.screen.shown) == 1


async def test_what_is_said_is_seen_on_the_screen_that_covers_the_message_line():
    async with board_on(recorded_mesh(10), size=(80, 24)) as board:
        await opened(board)
        board.app.board.say("every agent has it")
        await board.until(lambda: "every agent has it" in board.text())
        assert "? keys" in board.text(), "what there is no room for is behind a key that is named"
        await board.press("question_mark")
        await board.until(lambda: "Keys here" in board.text())
        lines = [line for line in board.text().splitlines() if "Apply" in line or "Page up" in line]
        assert "Apply" in lines[0]
