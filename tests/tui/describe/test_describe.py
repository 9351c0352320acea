"""Describe, YAML and logs on the embedded mesh: what the API server has, cleaned, with who wrote it."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from meshtui.core.model import resources as r
from meshtui.core.settings import Settings
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.sim import SimOptions, launch
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.describe.rows import commands
from meshtui.tui.start import opening
from tests.tui.conftest import Board


def in_bash(line: str, kubeconfig: str = "/dev/null") -> str:
    """What a copied line prints where a person pastes it; k9s, which is not here, tells what it was given."""
    words = 'k9s() { printf "%s\\n" "$@"; }; ' + line
    env = {**os.environ, "KUBECONFIG": kubeconfig}
    done = subprocess.run(["bash", "-c", words], env=env, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("context", ["a b", "it's", "$(exit 3)", "arn:aws:eks:eu-west-1:1:cluster/x", "`exit 3`;"])
def test_whatever_a_context_is_called_its_lines_are_one_command(context: str) -> None:
    kubectl, k9s = commands(context, r.SERVICES, "default", "web")
    assert in_bash(k9s).splitlines() == ["--context", context, "-n", "default", "--command", "services"]
    told = in_bash(f'kubectl() {{ k9s "$@"; }}; {kubectl}').splitlines()
    assert told == ["--context", context, "-n", "default", "describe", "services", "web"]
    nodes = in_bash(commands(context, r.NODES, "", "w1")[1]).splitlines()
    assert nodes == ["--context", context, "--command", "nodes"], "what has no namespace is asked for without one"


async def test_a_service_a_node_and_an_agents_log_are_read_from_the_embedded_mesh() -> None:
    async with launch(SimOptions(state="global")) as running:
        settings = Settings(utc=True, kubeconfig=running.kubeconfig, contexts=tuple(running.contexts))
        app = MeshtuiApp(opening(lambda: Session(choose(settings, {}), settings)), settings)
        async with app.run_test(size=(140, 50)) as pilot:
            board = Board(app, pilot, None)  # type: ignore[arg-type]
            await board.until(lambda: app.board.services.cell and app.board.services.cell[0] == "default/rebel-base")
            await board.press("s")
            await board.until(lambda: app.board.session.history.done and not app.board.session.pending)
            await board.press("d")
            await board.until(lambda: "service.cilium.io/shared: false" in board.text(), "the service is described")
            text = board.text()
            assert "$ kubectl --context koornacht -n default describe services rebel-base" in text
            assert "set by meshtui at 20" in text
            await board.press("Y")
            await board.until(lambda: "# managedFields:" in board.text() or "apiVersion: v1" in board.text())
            assert "YAML of Service default/rebel-base in koornacht" in board.text()
            assert "managedFields:\n" not in board.text()
            await board.press("y")
            assert app.clipboard == "kubectl --context koornacht -n default describe services rebel-base"
            said = in_bash(app.clipboard, running.kubeconfig)
            assert re.search(r"^Name: +rebel-base$", said, re.MULTILINE)
            assert "service.cilium.io/shared: false" in said
            await board.press("9")
            told_k9s = ["--context", "koornacht", "-n", "default", "--command", "services"]
            assert in_bash(app.clipboard, running.kubeconfig).splitlines() == told_k9s
            await board.press("escape", "1")
            pane = app.board.clusters
            node = next(at for at, key in enumerate(pane.items) if isinstance(key, tuple) and key[0] == "node")
            pane.move_to(node)
            await board.press("d")
            await board.until(lambda: "Describe Node" in board.text())
            await board.press("y")
            name = str(pane.items[node][2])  # type: ignore[index]
            assert re.search(rf"^Name: +{name}$", in_bash(app.clipboard, running.kubeconfig), re.MULTILINE)
            await board.press("escape", "enter")
            await board.until(lambda: "Conditions" in board.text() and "koornacht" in board.text())
            await board.press("escape", "home", "enter")
            await board.until(lambda: "Counts: here, and as the others hear of it" in board.text())
            for told in ("Kubernetes", "server", "Components", "Links", "heard by", "Settings that matter"):
                assert told in board.text(), told
            await board.press("escape")
            link = next(at for at, key in enumerate(pane.items) if isinstance(key, tuple) and key[0] == "link")
            pane.move_to(link)
            await board.press("enter")
            await board.until(lambda: "Link koornacht ⇄ tion" in board.text())
            await board.until(lambda: "all synced" in board.text())
            assert "connected · ready" in board.text()
            assert "tion → koornacht" in board.text()
            await board.press("escape", "o")
            await board.until(lambda: "Logs in koornacht" in board.text() and "agent" in board.text())
            await board.press("enter")
            await board.until(lambda: "level=info" in board.text() or "msg=" in board.text(), "the log is read")
            await board.press("escape", "escape", "q")
