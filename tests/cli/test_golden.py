"""Every verb's output in every form, word for word, on an embedded mesh with a fixed seed.

MESHTUI_UPDATE_GOLDEN=1 writes tests/golden anew: read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from meshtui.cli import parser
from meshtui.cli.schemas import OF, schema
from tests.embedded import Served, call, served

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "golden"
UPDATING = bool(os.environ.get("MESHTUI_UPDATE_GOLDEN"))
"""Read before the tests' own environment is made, which has none of ours."""
BY_NAME = ("by_cluster", "by_pod", "by_status", "latency_by_cluster", "expected", "state")
"""Where names are keys."""
FORMS = ("table", "wide", "json", "yaml")
POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: rebels-only, namespace: default}
spec: {endpointSelector: {matchLabels: {name: rebel-base}}, ingress: [{fromEndpoints: [{}]}]}
"""


def plain(text: str) -> str:
    """Without what every run has anew: times, ports, places of files."""
    text = re.sub(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?", r"0000-00-00\g<1>00:00:00", text)
    text = re.sub(r"of \d+ connection", "of N connection", text)  # what the last minute happened to see
    return re.sub(r"/tmp/[\w/.-]+/", "/tmp/", text)


def counted(text: str) -> str:
    """Without how many drops the last minutes happened to hold."""
    return re.sub(r'("count": |count: |! )\d+', r"\1N", plain(text))


def measured(text: str) -> str:
    """Without what was measured, and the columns' widths that it makes."""
    text = re.sub(r"\b\d+\.\d+(e-?\d+)? ?(?=ms|s\b|\s|,|$)", "0.0 ", text, flags=re.MULTILINE)
    return re.sub(r" {2,}", "  ", plain(text))


def shape(text: str) -> str:
    """What kind of thing stands where, for answers in which chance and the clock decide."""
    if re.match(r"[\[{-]|\w+:", text):
        return json.dumps(_kinds(yaml.safe_load(text)), indent=1) + "\n"
    return "".join(f"{re.sub(' +', ' ', line)}\n" for line in text.splitlines() if line.isupper())


def _kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _kinds({"*": next(iter(each.values()), 0)} if key in BY_NAME and each else each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_kinds(value[0])] if value else []
    return "number" if type(value) in (int, float) else type(value).__name__


@dataclass(frozen=True)
class Case:
    """One command line and what is published of its output."""

    line: str
    schema: str
    scrub: Callable[[str], str] = plain
    state: str = "global"
    forms: tuple[str, ...] = FORMS

    @property
    def name(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.line} {self.state if self.state != 'global' else ''}".lower())
        return words.strip("-")


CASES = (
    Case("status", "status", measured, state="deployed"),
    Case("nodes", "nodes"),
    Case("services", "services"),
    Case("services -A --faults", "services"),
    Case("services explain rebel-base", "explain", counted),
    Case("services --findings", "findings", forms=("table", "json")),
    Case("findings", "findings"),
    Case("findings --fix 1 --dry-run", "findings-fix", forms=("table", "json")),
    Case("flows --input-file FLOWS --first 3", "flows", forms=("table", "compact", "dict", "json", "jsonl")),
    Case("policies", "policies", state="egress-allowed"),
    Case("policies check koornacht/x-wing rebel-base", "policies-check", state="egress-allowed"),
    Case("policies diff POLICY", "policies-diff", state="egress-allowed"),
    Case("policies apply POLICY --dry-run", "policies-apply", state="egress-allowed"),
    Case("policies delete lab:default-deny --dry-run", "policies-apply", state="egress-allowed"),
    Case("policies suggest --from FLOWS", "policies-suggest", state="egress-allowed", forms=("table", "json")),
    Case("services", "services", state="egress-allowed"),
    Case("services explain rebel-base", "explain", counted, state="egress-allowed"),
    Case("annotate rebel-base --shared false --context koornacht --dry-run", "annotate"),
    Case("drill rebel-base --cluster tion --dry-run", "drill"),
    Case("undo --list", "undo-list"),
    Case("undo --dry-run", "undo", forms=("table", "json")),
    Case("load rebel-base -n 2 --from koornacht/x-wing", "load", shape, forms=("table", "json")),
    Case("load --history", "load-history", shape),
    Case("load --history --compare 1 2", "load-compare", shape, forms=("json", "yaml")),
    Case("lab status", "lab-status", forms=("table", "json")),
    Case("lab step", "lab-step"),
    Case("info", "info", shape),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module keeps its state: what one case changed or ran, others list."""
    return tmp_path_factory.mktemp("golden")


@pytest.fixture(scope="module")
def meshes(place: Path) -> Iterator[Callable[[str], Served]]:
    """A mesh for each state, begun when it is first asked for; in `global` a change was made that is a finding."""
    begun: dict[str, Any] = {}

    def of(state: str) -> Served:
        if state not in begun:
            begun[state] = served(state=state, seed=7)
            begun[state, "mesh"] = mesh = begun[state].__enter__()
            if state == "global":
                state_of = {**os.environ, "KUBECONFIG": mesh.kubeconfig, "MESHTUI_STATE_DIRECTORY": str(place)}
                with pytest.MonkeyPatch.context() as patch:
                    for name, value in state_of.items():
                        patch.setenv(name, value)
                    words = ("--context", "tion", "--global", "-", "--shared", "false", "--yes", "--wait")
                    assert call("annotate", "rebel-base", *words).code == 0
                    for _ in range(2):
                        call("load", "rebel-base", "-n", "1", "--from", "koornacht/x-wing")
        return begun[state, "mesh"]  # type: ignore[no-any-return]

    yield of
    for state, each in begun.items():
        if isinstance(state, str):
            each.__exit__(None, None, None)


def words(case: Case, place: Path) -> list[str]:
    (place / "policy.yaml").write_text(POLICY)
    flows = ROOT / "recordings/10-default-deny/flows.dropped.jsonl"
    return case.line.replace("POLICY", str(place / "policy.yaml")).replace("FLOWS", str(flows)).split()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_output_is_as_written(
    case: Case, meshes: Callable[[str], Served], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = meshes(case.state)
    monkeypatch.setenv("KUBECONFIG", mesh.kubeconfig)
    monkeypatch.setenv("MESHTUI_STATE_DIRECTORY", str(place))
    time.tzset()
    said, data = [], None
    for form in case.forms:
        ran = call(*words(case, place), "-o", form)
        said.append(f"$ meshtui {case.line} -o {form}\n{case.scrub(ran.out)}--- exit {ran.code}\n")
        if form == case.forms[0]:
            said.append(f"{case.scrub(ran.err) if case.scrub is not shape else ''}---\n")
        if form == "json":
            data = ran.data
            jsonschema.Draft202012Validator(schema(case.schema)).validate(data)
        if form == "yaml" and case.scrub is plain:
            assert yaml.safe_load(ran.out) == data
    found, path = "\n".join(said), GOLDEN / f"{case.name}.txt"
    if UPDATING:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(found)
    assert found == path.read_text()


def test_every_verb_with_json_has_its_schema_and_its_case() -> None:
    verbs = next(action.choices for action in parser.build()._actions if action.dest == "verb")
    assert isinstance(verbs, dict)
    forms = {}
    for name, each in verbs.items():
        each.complete()
        forms[name] = next((action.choices for action in each._actions if action.dest == "output"), ())
    assert {name for name, choices in forms.items() if "json" in choices} == set(OF) - {"simulate"}
    published = {name for names in OF.values() for name in names}
    assert published - {case.schema for case in CASES} == {"simulate", "status-watch", "lab-check"}, (
        "tested where they are"
    )


def test_no_golden_file_is_left_of_a_case_that_went() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {case.name for case in CASES}


def test_every_line_of_a_watch_is_as_published(
    meshes: Callable[[str], Served], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the three seconds that are watched, and those in which two clusters are listed and asked."""
    monkeypatch.setenv("KUBECONFIG", meshes("link-cut").kubeconfig)
    monkeypatch.setenv("MESHTUI_STATE_DIRECTORY", str(place))
    ran = call("status", "--watch", "--timeout", "3s", "-o", "jsonl")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    published = jsonschema.Draft202012Validator(schema("status-watch"))
    for line in lines:
        published.validate(line)
    assert {"cluster", "node", "link", "service", "finding"} <= {line["what"] for line in lines}
    assert any(line["causes"] for line in lines), "what is broken says why"
    assert ran.code == 1
    wrong = {**lines[0], "verdict": 1}
    assert [error.json_path for error in published.iter_errors(wrong)] == ["$.verdict"]
    assert {frozenset(line) for line in lines} == {frozenset(schema("status-watch")["properties"])}


def test_what_the_simulator_prints_is_as_published(meshes: Callable[[str], Served]) -> None:
    mesh = meshes("global")
    told = {name: getattr(mesh, name) for name in ("kubeconfig", "contexts", "relays", "control")}
    jsonschema.Draft202012Validator(schema("simulate")).validate(told)
