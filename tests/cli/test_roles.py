"""The roles in deploy/roles, verb by verb, for who has nothing else: to look, to act, in one namespace alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded import Ran, Served, call, served

ROLES = Path(__file__).parent.parent.parent / "deploy/roles"
POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: NAME, namespace: default}
spec: {endpointSelector: {matchLabels: {name: nobody}}, ingress: [{}]}
"""
LOOKS = (
    "status", "nodes", "services -A", "services explain rebel-base", "services --findings", "findings",
    "flows --last 3", "policies -A", "policies check koornacht/x-wing rebel-base", "policies diff FILE",
    "policies suggest", "undo --list", "lab status", "complete services", "status --wait --timeout 20s",
)  # fmt: skip
ACTS = (
    "annotate rebel-base --shared false --context tion --yes --wait", "undo --yes --wait",
    "drill rebel-base --cluster tion --yes --wait", "drill rebel-base --cluster tion --yes --wait",
    "policies apply FILE --yes", "policies delete FILE --yes", "findings --fix 1 --yes",
    "load rebel-base -n 2 --from koornacht/x-wing",
)  # fmt: skip
ONE_LOOKS = ("services", "services explain rebel-base", "policies", "policies diff FILE", "undo --list")
ONE_ACTS = tuple(line for line in ACTS if not line.startswith("findings"))
REFUSED = ("annotate rebel-base --shared false --yes", "drill rebel-base --cluster tion --yes",
           "policies apply FILE --yes", "nodes")  # fmt: skip


@pytest.fixture(scope="module")
def mesh() -> Iterator[Served]:
    """Global in koornacht alone, a finding; jane may look, sam may act as well; eve and max in default alone."""
    with served(state="global") as mesh:
        words = ("annotate", "rebel-base", "--global", "-", "--context", "tion", "--yes", "--wait")
        assert call("--kubeconfig", mesh.kubeconfig, *words).code == 0
        for context in mesh.contexts:
            kubectl = ("kubectl", "--kubeconfig", mesh.kubeconfig, "--context", context)

            def run(*words: str, given: str = "", kubectl: tuple[str, ...] = kubectl) -> None:
                subprocess.run([*kubectl, *words], input=given, text=True, check=True, capture_output=True, timeout=30)

            for file in ("look", "act"):
                run("apply", "-f", str(ROLES / f"{file}.yaml"))
                text = (ROLES / f"{file}-namespaced.yaml").read_text().replace("namespace: shop", "namespace: default")
                run("apply", "-f", "-", given=text)
            for user, role in (("jane", "look"), ("sam", "look"), ("sam", "act")):
                name = f"{user}-{role}"
                run("create", "clusterrolebinding", name, "--clusterrole", f"meshtui-{role}", "--user", user)
            for user in ("jane", "sam"):
                run("-n", "kube-system", "create", "rolebinding", f"{user}-ask", "--role", "meshtui-ask-cilium",
                    "--user", user)  # fmt: skip
            for user, role in (("eve", "look"), ("max", "look"), ("max", "act")):
                run("-n", "default", "create", "rolebinding", f"{user}-{role}", "--role", f"meshtui-{role}",
                    "--user", user)  # fmt: skip
        yield mesh


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audit log is shared: one line undoes what the one before did."""
    return tmp_path_factory.mktemp("state")


def told(mesh: Served, state: Path, user: str, line: str) -> Ran:
    file = state / "policy.yaml"
    file.write_text(POLICY.replace("NAME", f"of-{user}"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", mesh.kubeconfig)
        patch.setenv("MESHTUI_STATE_DIRECTORY", str(state / user))
        return call(*line.replace("FILE", str(file)).split(), "--as", user)


@pytest.mark.parametrize("line", LOOKS)
def test_who_may_look_sees_all_and_is_told_of_no_missing_right(mesh: Served, state: Path, line: str) -> None:
    ran = told(mesh, state, "jane", line)
    assert ran.code in (0, 1), ran.err
    for word in ("want of rights", "may not", "forbidden"):
        assert word not in ran.err.lower()


def test_who_may_act_does_everything_in_turn(mesh: Served, state: Path) -> None:
    for line in ACTS:
        ran = told(mesh, state, "sam", line)
        assert ran.code == 0, (line, ran.err)


def test_in_one_namespace_one_looks_and_acts_there(mesh: Served, state: Path) -> None:
    for user, lines in (("eve", ONE_LOOKS), ("max", (*ONE_LOOKS, *ONE_ACTS))):
        for line in lines:
            where = "--namespace default" if line.startswith("load") else "-n default"
            ran = told(mesh, state, user, f"{line} {where}")
            assert ran.code in (0, 1), (user, line, ran.err)
            assert "may not" not in ran.err, (user, line, ran.err)


def test_in_one_namespace_a_check_says_what_was_not_read_and_ends_by_its_verdict(mesh: Served, state: Path) -> None:
    line = "policies check koornacht/x-wing rebel-base -n default"
    whole, part = told(mesh, state, "jane", line), told(mesh, state, "eve", line)
    assert whole.code == part.code == 0, part.err
    assert "want of rights" not in whole.out + whole.err
    assert "tion: not seen for want of rights: ciliumclusterwidenetworkpolicies, namespaces" in part.err
    assert "cannot list" not in part.err
    [verdict] = {row["verdict"] for row in told(mesh, state, "eve", f"{line} -o json").data}
    assert verdict == "allowed"
    unread = "as far as may be seen: koornacht's ciliumclusterwidenetworkpolicies were not read for want of rights"
    assert unread in " ".join(part.out.split())
    nobody = told(mesh, state, "eve", "policies check koornacht/x-wing rebel-base:81 -n default")
    assert nobody.code in (1, 2), "what is not allowed, or is nobody's port, is no success for them either"


@pytest.mark.parametrize(
    ("user", "line"),
    [(user, line) for user in ("jane", "eve") for line in REFUSED if (user, line) != ("jane", "nodes")],
)
def test_what_a_role_has_not_is_refused_and_changes_nothing(mesh: Served, state: Path, user: str, line: str) -> None:
    before = mesh.objects()
    ran = told(mesh, state, user, f"{line} -n default")
    assert ran.code == 5, ran.err
    assert mesh.objects() == before
