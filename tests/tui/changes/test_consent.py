"""The consent dialog: a yes is a key of its own, enter is not one, and its kubectl lines paste as they stand."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess

import pytest

from meshtui.core.changes import planning
from meshtui.core.changes.plan import Consent
from meshtui.tui.changes.consent import ConsentDialog
from tests.tui.conftest import board_on
from tests.tui.fakes import recorded_mesh

LONG = "it's a 'quoted' $HOME `word` " * 12
POLICY = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "deny", "namespace": "default", "annotations": {"note": LONG}},
    "spec": {"endpointSelector": {}, "ingress": [{}]},
}
STAND_IN = '#!/bin/bash\n{ printf "%s\\n" "$@"; echo --; [ "${*: -1}" = - ] && cat; echo ==; } >> "$KUBECTL_LOG"\n'


def plan(mesh, **changes):
    made = planning.apply(mesh, list(mesh.clusters), [POLICY])
    return type(made)(**{**{name: getattr(made, name) for name in made.__slots__}, **changes})


async def asked(board, made):
    answers = []
    dialog = ConsentDialog(made, board.session.mesh)
    board.app.push_screen(dialog, answers.append)
    await board.until(lambda: board.app.screen is dialog and dialog.is_mounted)
    await board.pilot.pause()
    return dialog, answers


@pytest.mark.parametrize(
    ("keys", "answer"), [(["y"], ""), (["enter"], None), (["escape"], None), (["d", "enter"], None)]
)
async def test_y_says_yes_and_what_people_hammer_says_no(keys, answer):
    async with board_on(recorded_mesh(10)) as board:
        _, answers = await asked(board, plan(board.session.mesh, consent=Consent.CONFIRM))
        await board.press(*keys)
        await board.until(lambda: answers)
        assert answers == [answer]


async def test_where_a_name_must_be_typed_y_is_a_letter():
    async with board_on(recorded_mesh(10)) as board:
        for cluster in board.session.mesh.clusters.values():
            cluster.protected = True
        dialog, answers = await asked(board, plan(board.session.mesh, consent=Consent.TYPE_NAME))
        await board.press("y")
        assert dialog.query_one("Input").value == "y"
        await board.press("enter")
        assert answers == []
        await board.press(*"koornacht", "space", *"tion", "enter")
        await board.until(lambda: answers)
        assert answers == ["koornacht tion"]


@pytest.mark.parametrize("way", ["shown", "copied"])
async def test_the_kubectl_lines_are_pasted_as_they_stand(tmp_path, way):
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(STAND_IN)
    kubectl.chmod(0o755)
    async with board_on(recorded_mesh(10), size=(80, 24)) as board:
        made = plan(board.session.mesh, consent=Consent.CONFIRM)
        dialog, _ = await asked(board, made)
        if way == "copied":
            await board.press("c")
            text = board.app.clipboard
        else:
            lines = ["".join(span.text for span in line) for line in dialog.text.lines]
            text = "\n".join([*lines[lines.index("The same by kubectl") + 1 :], ""])
        await board.press("escape")
    for command in (["bash", "-n"], ["bash", "-e"]):
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECTL_LOG": str(tmp_path / "log")}
        done = await asyncio.to_thread(subprocess.run, command, input=text, env=environment, text=True, timeout=20)
        assert done.returncode == 0
    calls = (tmp_path / "log").read_text().split("==\n")[:-1]
    assert len(calls) == 2
    for call, context in zip(calls, ("koornacht", "tion"), strict=True):
        words, _, document = call.partition("\n--\n")
        assert words.splitlines()[:4] == ["--context", context, "-n", "default"]
        assert json.loads(document) == POLICY
