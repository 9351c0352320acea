"""Every command that README, docs/ and the help show is run on an embedded mesh, or said here why not."""

from __future__ import annotations

import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from meshtui.cli.verbs import EXAMPLES
from tests.embedded import Served, call, served
from tests.test_docs import PAGES, commands
from tests.tui.pseudoterminal import Terminal

ROOT = Path(__file__).parent.parent
HAPPENED = {0, 1}
"""Exit codes of a command that was carried out: 1 where the mesh, or what was asked of it, is not as wished."""
NOT_RUN = {
    "meshtui lab up": "needs kind, cilium and Docker; run with stand-ins in tests/cli/test_lab_build.py",
    "meshtui lab down": "the same",
    "meshtui lab check -o json": "takes 20 s; run in tests/cli/test_lab.py with fewer steps",
    "meshtui lab check --context A --context B": "the same",
    "meshtui lab check --context A --context B --yes": "the same",
    "meshtui load --direct --http2 -k https://ingress.example/": "needs an ingress; tests/mesh/load sends to one",
    "meshtui load --direct": "names the flag alone",
    "meshtui completion fish": "its output is for a shell; tests/cli/test_headless.py completes with it",
}
STAYS = ("serve", "simulate", "--watch", "-f", "--follow", "--steady")
"""What goes on until it is interrupted."""
CHANGES = ("annotate", "undo", "drill", "lab", "findings")
"""Verbs whose question a person answers with yes; here `--yes` does."""
MEANT = (
    (r"\bA\b", "koornacht"), (r"\bB\b", "tion"), (r"\bSERVICE\b", "rebel-base"), (r"kind-(koornacht|tion)", r"\1"),
    (r"--timeout \w+", "--timeout 5s"), (r"--duration 30", "--duration 1"), (r"--port 9000", "--port 0"),
    (r"^meshtui serve\b", "meshtui serve --port 0"), ("0.0.0.0", "127.0.0.1"), (r"/tmp/mesh", "mesh"),
)  # fmt: skip
"""What stands for what on the mesh of this test, and how long is waited."""
POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: closed, namespace: default}
spec: {endpointSelector: {matchLabels: {name: nobody}}, ingress: [{}]}
"""


def lines() -> list[str]:
    """Every line shown, once."""
    shown = [shlex.join(words) for page in PAGES for words in commands(page)]
    for text in EXAMPLES.values():
        for line in text.splitlines():
            command = re.split(r" {2,}", line.strip())[0]
            shown.append(command.removeprefix("source <(").removesuffix(")"))
    whole = [re.split(r" '?[|>&]'? ?", line)[0].strip() for line in shown]
    return list(dict.fromkeys(line.replace("./dev demo", "meshtui demo") for line in whole))


LINES = lines()
SCREENS = [
    line for line in LINES
    if line not in NOT_RUN and (re.match(r"meshtui( --(context|mesh) [\w-]+)*$|meshtui (demo|lab tour)\b", line))
]  # fmt: skip
STAYING = [
    line for line in LINES if line not in (*NOT_RUN, *SCREENS) and set(shlex.split(line)) & set(STAYS)
]  # fmt: skip
ENDING = [line for line in LINES if line not in (*NOT_RUN, *SCREENS, *STAYING)]


@pytest.fixture(scope="module")
def mesh() -> Iterator[Served]:
    with served(nodes=1) as mesh:
        words = ("--kubeconfig", mesh.kubeconfig, "annotate", "rebel-base", "--global", "true", "--yes", "--wait")
        assert call(*words).code == 0
        yield mesh


@pytest.fixture
def here(mesh: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name; the mesh is in KUBECONFIG and named `shop` in the settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", mesh.kubeconfig)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("MESHTUI_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text('[mesh.shop]\ncontexts = ["koornacht", "tion"]\n')
    (tmp_path / "deny.yaml").write_text(POLICY)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/other.yaml").write_text(POLICY.replace("closed", "other"))
    flows = ROOT / "tests/recordings/10-default-deny/flows.dropped.jsonl"
    (tmp_path / "flows.jsonl").write_bytes(flows.read_bytes())
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path("tls.key")
    issued.cert_chain_pems[0].write_to_path("tls.crt")
    return tmp_path


def meant(line: str) -> list[str]:
    """The words of a line as they are run here."""
    for pattern, instead in MEANT:
        line = re.sub(pattern, instead, line)
    found = shlex.split(line)
    return [word for word in found[1:] if "=" not in found[0]]


@pytest.mark.parametrize("line", ENDING)
def test_it_runs(line: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ""
    if " '<' " in line:
        line, _, name = line.partition(" '<' ")
        given = (here / name).read_text()
    while re.match(r"[A-Z_]+=", line):
        setting, _, line = line.partition(" ")
        monkeypatch.setenv(*setting.split("="))
    words = meant(line)
    if "undo" in words and "--list" not in words:
        value = "local" if "--wait" in words else "remote"
        assert call("annotate", "rebel-base", "--affinity", value, "--yes", "--wait").code == 0
    if words[0] in CHANGES or words[:2] in (["policies", "apply"], ["policies", "delete"]):
        words += [] if "--dry-run" in words else ["--yes"]
    if words[0] == "findings" and "--fix" in words:
        call("annotate", "rebel-base", "--context", "tion", "--global", "-", "--yes", "--wait")
    if words[:2] == ["lab", "tour"]:
        words.append("--print")
    ran = call(*words, given=given)
    late = "--wait" in words and ran.code == 4  # other examples have changed the mesh
    assert ran.code in HAPPENED or late, ran.err
    assert ran.out or ran.err
    if words[0] == "drill":
        assert call(*words, "--wait").code == 0  # a drill ends with its second half


@pytest.mark.parametrize("line", STAYING)
def test_it_stays_and_ends_when_interrupted(line: str, here: Path) -> None:
    command = [sys.executable, "-m", "meshtui", *meant(line)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        quiet = set(shlex.split(line)) & {"--steady", "-f", "--follow"}  # nothing may come, or nothing before its end
        heard, _, _ = select.select([process.stdout], [], [], 4 if quiet else 40)
        assert heard or quiet
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=30)
    assert process.returncode in (0, 1, 130), told.decode()
    assert b"Traceback" not in told


@pytest.mark.parametrize("line", SCREENS)
def test_it_opens_the_dashboard(line: str, here: Path) -> None:
    terminal = Terminal([sys.executable, "-m", "meshtui", *meant(line)], columns=120, rows=34)
    try:
        terminal.until(lambda text: "1 Clusters" in text and "quit" in text, 60)
        terminal.send("q")
        assert terminal.wait() == 0
    finally:
        terminal.close()


def test_what_is_not_run_is_still_shown_somewhere() -> None:
    assert set(NOT_RUN) <= set(LINES)


def test_the_roles_are_applied_as_shown(mesh: Served) -> None:
    page = (ROOT / "docs/real-clusters.md").read_text()
    shown = re.findall(r"^ {4}(kubectl .*)$", page, re.MULTILINE)
    assert len(shown) >= 3
    for line in shown:
        ran = subprocess.run(
            [*shlex.split(line), "--kubeconfig", mesh.kubeconfig], cwd=ROOT, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
