"""The lab's manifests and printed scripts under the real kubectl, against the embedded API server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from meshtui.lab import manifests
from meshtui.lab.kind.run import run
from meshtui.lab.observe import observe
from meshtui.lab.script import script
from meshtui.lab.state import State, between
from meshtui.lab.steps import STEPS
from tests.lab.conftest import Start
from tests.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


async def sh(text: str, kubeconfig: Path, home: Path) -> tuple[int, list[str]]:
    lines: list[str] = []
    env = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(home)}
    ended = await run(["sh", "-s"], env, lines.append, given=text.encode(), patience=60)
    return ended.code, lines


@pytest.mark.parametrize("name", ["namespace", *manifests.APPLICATION, *manifests.POLICIES])
async def test_a_manifest_is_accepted_and_complete(start: Start, tmp_path: Path, name: str):
    async with start(state="deployed") as (walk, running):
        place = walk.with_place("default").place
        text = manifests.text_of(place.objects(place.first, name))
        command = "kubectl --context koornacht apply --dry-run=server --validate=strict -f - <<'EOF'\n" + text + "EOF\n"
        code, lines = await sh(command, running.kubeconfig, tmp_path)
        assert code == 0, lines
        assert all("(server dry run)" in line for line in lines if not line.startswith("Warning")), lines


async def test_the_printed_script_of_every_step_brings_it_about(start: Start, tmp_path: Path):
    """Takes about 10 s: every step is a bash with a kubectl for each command, and a check until it holds."""
    async with start(state="no-cni") as (walk, running):
        await walk.builder.to(STEPS[5])
        walk.session.look_again()
        found = await walk.check(STEPS[5])
        assert found.ok, found.sentence
        for step in STEPS:
            if step.state is None or step.name in ("local", "drops"):
                continue
            code, lines = await sh(script(walk.commands(step)), running.kubeconfig, tmp_path)
            assert code == 0, (step.name, lines)

            async def done(wanted: State = step.state) -> bool:
                return between(await observe(walk.session, walk.place), wanted) == ()

            await until(done, what=step.name, every=0.05)
        [last] = [step for step in STEPS if step.name == "egress-any-cluster"]
        found = await walk.check(last)
        assert found.ok, found.sentence


async def test_the_printed_requests_are_answered(start: Start, tmp_path: Path):
    async with start(state="deployed") as (walk, running):
        [local] = [step for step in STEPS if step.name == "local"]
        code, lines = await sh(script(walk.commands(local)), running.kubeconfig, tmp_path)
        assert code == 0, lines
        assert lines.count('{"Cluster": "Koornacht", "Planet": "N\'Zoth"}') == 10
        assert lines.count('{"Cluster": "Tion", "Planet": "Foran Tutha"}') == 10
