"""`meshtui policies apply`, `delete` and `diff` on the embedded mesh, and every kind of file that is none."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

DENY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: deny, namespace: default}
spec:
  endpointSelector: {}
  ingress: [{}]
"""
NARROW = DENY.replace("endpointSelector: {}", "endpointSelector: {matchLabels: {name: rebel-base}}")
K8S = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: default}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


def written(directory: Path, text: str, name: str = "policy.yaml") -> str:
    path = directory / name
    path.write_text(text)
    return str(path)


async def test_applied_compared_changed_and_deleted(lab, tmp_path):
    meshtui, _ = lab
    await meshtui("load", "rebel-base", "--from", "koornacht/x-wing", "-n", "4")
    both = written(tmp_path, f"{DENY}---\n{K8S}")
    ran = await meshtui("policies", "apply", both)
    assert ran.code == 5, "nobody said yes"
    assert (await meshtui("policies", "-o", "json")).data == []
    ran = await meshtui("policies", "apply", both, "--dry-run", "-o", "json")
    assert [row["result"] for row in ran.data] == ["would be done"] * 4
    assert (await meshtui("policies", "-o", "json")).data == []
    ran = await meshtui("policies", "apply", both, "--yes", "-o", "json")
    assert ran.code == 0, ran.err
    assert {(row["cluster"], row["policy"], row["agents"]) for row in ran.data if row["kind"].startswith("Cil")} == {
        ("koornacht", "default/deny", "valid; 1 of 1 agents have it"),
        ("tion", "default/deny", "valid; 1 of 1 agents have it"),
    }
    assert {row["agents"] for row in ran.data if row["kind"] == "NetworkPolicy"} == {"in place; 1 of 1 agents have it"}
    assert "default/rebel-base: koornacht's clients: " in ran.err
    assert "loses the client koornacht" not in ran.err, "what is foreseen is told once"
    assert "TCP 80: passes → dropped" in ran.err
    again = await meshtui("policies", "apply", both, "--yes")
    assert "koornacht: default/deny is as written already" in again.err

    changed = written(tmp_path, NARROW, "narrow.yaml")
    ran = await meshtui("policies", "diff", changed, "--context", "tion")
    assert ran.code == 1
    assert "tion: CiliumNetworkPolicy default/deny, changed" in ran.out
    assert "name: rebel-base" in ran.out
    ran = await meshtui("policies", "apply", changed, "--context", "tion", "--yes")
    assert ran.code == 0, ran.err
    row = next(row for row in (await meshtui("policies", "-o", "json")).data if row["name"] == "deny")
    assert row["in"] == ["koornacht present", "tion differs"]
    assert row["selects"] == "koornacht 4, tion 2"
    listed = await meshtui("policies", "--filter", "is:differs")
    assert "default/deny" in listed.out
    assert "closed" not in listed.out

    ran = await meshtui("policies", "delete", both, "--yes", "-o", "json")
    assert ran.code == 0, ran.err
    assert {row["agents"] for row in ran.data} == {"gone; 1 of 1 agents have dropped it"}
    assert (await meshtui("policies", "delete", both, "--yes")).code == 1


WRONG = {
    "spec: [": "is not YAML",
    "": "holds no policy",
    "just words": "is no object of Kubernetes",
    "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: x}": "holds no policy",
    DENY.replace("cilium.io/v2", "cilium.io/v1"): "no API server takes",
    DENY.replace("name: deny, ", ""): "without metadata.name",
    DENY + "---\n" + DENY: "is written twice",
    "kind: Secret\napiVersion: v1\nmetadata: {name: x}\ndata: {k: c2VjcmV0}": "Secret x in ",
    "apiVersion: v1\nkind: List\nitems:\n- {kind: Pod, apiVersion: v1}": "item 1",
    DENY.replace("namespace: default", "namespace: nowhere"): "has no namespace nowhere",
    DENY.replace("ingress: [{}]", "ingress: 7"): "is not built as a policy",
    DENY.replace("  endpointSelector: {}\n  ingress: [{}]\n", "  words\n"): "spec of deny is a text, not a mapping",
}


async def test_what_is_no_policy_is_told_in_a_sentence_and_changes_nothing(lab, tmp_path):
    meshtui, _ = lab

    async def told(number: int, text: str, sentence: str) -> None:
        ran = await meshtui("policies", "apply", written(tmp_path, text, f"{number}.yaml"), "--yes")
        assert ran.code != 0, text
        assert sentence in ran.err, ran.err
        assert "c2VjcmV0" not in ran.err

    for number, (text, sentence) in enumerate(WRONG.items()):
        await told(number, text, sentence)
    assert (await meshtui("policies", "-o", "json")).data == []
    assert (await meshtui("policies", "apply", "/no/such/file", "--yes")).code == 2
    assert (await meshtui("policies", "frobnicate")).code == 2
    ran = await meshtui("policies", "apply", "lab:default-deny", "--yes", "--read-only")
    assert ran.code == 5
    assert "read-only" in ran.err


async def test_the_policies_of_a_mixed_file_are_taken_and_the_rest_is_named(lab):
    """Report 32's own files: what `kubectl get -o yaml` gives, and a Service before a policy."""
    meshtui, _ = lab
    reports = Path(__file__).parents[1] / "recordings" / "reports" / "32-list-and-mixed"
    ran = await meshtui("policies", "apply", str(reports / "list.yaml"), "--dry-run", "-o", "json")
    assert (ran.code, {row["policy"] for row in ran.data}) == (0, {"default/in-list"}), ran.err
    ran = await meshtui("policies", "apply", str(reports / "mixed.yaml"), "--dry-run", "-o", "json")
    assert (ran.code, {row["policy"] for row in ran.data}) == (0, {"default/mixed"}), ran.err
    assert "left out, as no policies: Service s in " in ran.err
    ran = await meshtui("policies", "apply", str(reports / "v2alpha1.yaml"), "--dry-run")
    assert ran.code == 2
    assert "its apiVersion is cilium.io/v2alpha1" in ran.err
    assert "use cilium.io/v2" in ran.err


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
async def test_kubectl_takes_the_printed_lines_as_they_are(lab, tmp_path):
    meshtui, _ = lab
    ran = await meshtui("policies", "apply", written(tmp_path, DENY), "--dry-run")
    lines = ran.err.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("kubectl"))
    script = "\n".join(lines[first:])
    env = {**os.environ, **meshtui.env}
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-ec", script], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    [row] = (await meshtui("policies", "-o", "json")).data
    assert row["in"] == ["koornacht present", "tion present"]


async def test_an_agent_that_does_not_take_it_up_is_named_and_the_exit_says_so(lab, tmp_path):
    meshtui, running = lab
    fault = {"fault": "agent-crashed", "cluster": "tion", "node": "tion-control-plane"}
    async with httpx.AsyncClient() as http:
        assert (await http.post(f"{running.control}/faults", json=fault)).status_code == 201
    ran = await meshtui("policies", "apply", written(tmp_path, DENY), "--yes", "--wait", "2", "-o", "json")
    assert ran.code == 1, ran.err
    told = {row["cluster"]: (row["ok"], row["agents"]) for row in ran.data}
    assert told["koornacht"] == (True, "valid; 1 of 1 agents have it")
    ok, words = told["tion"]
    assert not ok
    assert words.startswith("valid; 0 of 1 agents have it: tion-control-plane does not answer")
