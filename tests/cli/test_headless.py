"""What scripts rely on: schemas that hold, numbers that are numbers, changes that can be repeated and taken back."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
from pathlib import Path

import jsonschema
import pytest

from meshtui.cli import output
from meshtui.cli.schemas import NAMES, schema
from tests.cli.conftest import Ran
from tests.tui.pseudoterminal import Terminal
from tests.waiting import GUARD


def held(ran: Ran, name: str) -> None:
    """What was printed is what the published schema says."""
    jsonschema.Draft202012Validator(schema(name)).validate(ran.data)


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_one_and_names_its_version(name: str) -> None:
    found = schema(name)
    jsonschema.Draft202012Validator.check_schema(found)
    assert re.fullmatch(rf"urn:meshtui:schema:{name}:\d+", found["$id"])


async def test_every_verb_prints_what_its_schema_says(lab) -> None:
    meshtui, _ = lab
    await meshtui("load", "rebel-base", "--from", "tion/x-wing", "-n", "2")
    calls = {
        "status": ("status",),
        "nodes": ("nodes",),
        "services": ("services", "-A"),
        "explain": ("services", "explain", "rebel-base"),
        "findings": ("findings",),
        "flows": ("flows", "--last", "5"),
        "policies": ("policies",),
        "annotate": ("annotate", "rebel-base", "--shared", "false", "--dry-run"),
        "drill": ("drill", "rebel-base", "--cluster", "tion", "--dry-run"),
        "load": ("load", "rebel-base", "-n", "2"),
        "load-history": ("load", "--history"),
        "info": ("info",),
    }
    # A dozen processes at once on two cores: none of them is to give up waiting for an answer.
    patient = ("--request-timeout", "30", "-o", "json")
    said = await asyncio.gather(*(meshtui(*words, *patient) for words in calls.values()))
    for name, ran in zip(calls, said, strict=True):
        assert ran.code == 0, (name, ran.err)
        held(ran, name)
    for each in dict(zip(calls, said, strict=True))["services"].data:
        assert not each["present"] or isinstance(each["ready"], int)


async def test_changes_are_repeatable_listed_and_taken_back(lab) -> None:
    meshtui, _ = lab
    words = ("annotate", "rebel-base", "--context", "tion", "--shared", "false")
    ran = await meshtui(*words)
    assert ran.code == 5
    assert "--yes" in ran.err
    assert (await meshtui(*words, "--yes", "--wait", "-o", "json")).code == 0
    again = await meshtui(*words, "--yes", "-o", "json")
    assert (again.code, again.data) == (0, [])
    assert "already" in again.err
    drill = await meshtui("drill", "--cluster", "koornacht", "rebel-base", "--yes", "--wait", "-o", "json")
    held(drill, "drill")
    assert [(row["what"], row["before"], row["after"], row["ok"]) for row in drill.data] == [("replicas", 2, 0, True)]
    kept = await meshtui("undo", "--list", "-o", "json")
    held(kept, "undo-list")
    assert [row["contexts"] for row in kept.data] == [["koornacht"], ["tion"]]
    assert (await meshtui("undo")).code == 5
    back = await meshtui("undo", "--yes", "--wait", "-o", "json")
    held(back, "undo")
    assert [(row["what"], row["after"]) for row in back.data] == [("replicas", 2)]
    back = await meshtui("undo", "--yes", "--wait", "-o", "json")
    assert [(row["what"], row["after"]) for row in back.data] == [("service.cilium.io/shared", None)]
    nothing = await meshtui("undo", "--yes", "-o", "json")
    assert (nothing.code, nothing.data) == (0, [])
    assert "nothing was changed" in nothing.err


async def test_a_drill_ends_by_itself_in_another_process(lab) -> None:
    meshtui, _ = lab
    assert (await meshtui("drill", "rebel-base", "--cluster", "tion", "--yes", "--wait")).code == 0
    ran = await meshtui("drill", "rebel-base", "--cluster", "tion", "--yes", "-o", "json")
    assert [(row["before"], row["after"]) for row in ran.data] == [(0, 2)]
    assert (await meshtui("drill", "rebel-base", "--cluster", "hoth", "--yes")).code == 2


async def test_findings_are_numbered_and_mended(lab) -> None:
    meshtui, _ = lab
    ran = await meshtui("annotate", "rebel-base", "--context", "tion", "--global", "-", "--yes", "--wait")
    assert ran.code == 0
    found = await meshtui("findings", "-o", "json")
    assert found.code == 1
    held(found, "findings")
    number = next(row["number"] for row in found.data if row["kind"] == "GLOBAL_ALONE")
    assert (await meshtui("findings", "--fix", "99", "--yes")).code == 2
    assert (await meshtui("findings", "--fix", str(number))).code == 5
    assert (await meshtui("findings", "--fix", str(number), "--yes")).code == 0
    gone = await meshtui("findings", "--wait", "--timeout", "20s", "-o", "json")
    assert "GLOBAL_ALONE" not in {row["kind"] for row in gone.data}


async def test_a_dropped_flow_is_explained_below_its_line(lab) -> None:
    meshtui, _ = lab
    assert (await meshtui("lab", "step", "default-deny", "--yes", "--no-check")).code == 0
    await meshtui("load", "rebel-base", "--from", "koornacht/x-wing", "-n", "2", "-m", "1")
    ran = await meshtui("flows", "--explain", "verdict:dropped", "--last", "3")
    assert ran.code == 0
    assert re.search(r"DROPPED.*\n    why: .*default-deny", ran.out)
    assert (await meshtui("flows", "--explain", "-o", "json")).code == 2


async def test_words_and_flags_come_in_any_order_and_mistakes_are_guessed(lab) -> None:
    meshtui, _ = lab
    for words in (("explain", "-o", "json", "rebel-base"), ("-o", "json", "explain", "default/rebel-base")):
        ran = await meshtui("services", *words)
        assert (ran.code, ran.data["name"]) == (0, "rebel-base")
    for words, guess in (
        (("statsu",), "did you mean status?"),
        (("nodes", "--contxt", "x"), "did you mean --context?"),
        (("nodes", "-o", "jsn"), "did you mean json?"),
    ):
        ran = await meshtui(*words)
        assert ran.code == 2
        assert guess in ran.err
    ran = await meshtui("policies", "-n", "nobody-here")
    assert (ran.code, ran.out) == (0, "")
    assert "no network policies" in ran.err


async def test_shells_complete_what_is_there(lab, tmp_path: Path) -> None:
    meshtui, _ = lab
    assert (await meshtui("complete", "contexts")).out.split() == ["koornacht", "tion"]
    program = tmp_path / "meshtui"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m meshtui "$@"\n')
    program.chmod(0o755)
    script = (await meshtui("completion", "bash")).out
    cases = (
        ("nodes --context ''", "koornacht tion"),
        ("--context ti nodes", None),
        ("annotate reb", ""),
        ("annotate default/reb", "default/rebel-base"),
        ("services explain default/reb", "default/rebel-base"),
        ("status -n kube-sys", "kube-system"),
        ("drill --cluster k", "koornacht"),
        ("und", "undo"),
        ("findings --fi", "--fix"),
    )
    lines = [script]
    for words, _expected in cases:
        lines.append(f"COMP_WORDS=(meshtui {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); COMPREPLY=(); _meshtui")
        lines.append('echo "${COMPREPLY[*]}"')
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", "\n".join(lines), stdout=asyncio.subprocess.PIPE,
        env={**meshtui.env, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), GUARD)
    for (words, expected), line in zip(cases, said.decode().splitlines(), strict=True):
        assert expected is None or line == expected, words


def test_a_table_is_cut_to_a_terminal_and_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"name": "x" * 90, "ready": {"ready": 2, "total": 3}, "said": "y" * 300}
    output.show([row], ("name", "ready", "said"), "table")
    assert capsys.readouterr().out.splitlines()[1] == f"{'x' * 90}  2/3    {'y' * 300}"
    assert output.fitted([90, 5, 300], [4, 5, 4], 80) == [35, 5, 36]
    assert output.fitted([90, 5], [4, 5], 3) == [6, 5]


def test_a_table_in_a_terminal_is_as_wide_as_it() -> None:
    program = (
        "from meshtui.cli import output\n"
        "output.show([{'name': 'x' * 90, 'said': 'y' * 300, 'more': 1}], ('name', 'said'), {form!r})\n"
    )
    for form, most in (("table", 60), ("wide", 400)):
        terminal = Terminal([sys.executable, "-c", program.replace("{form!r}", repr(form))], columns=60, rows=30)
        try:
            assert terminal.wait() == 0
            lines = bytes(terminal.raw).decode().splitlines()
        finally:
            terminal.close()
        assert ("…" in lines[1]) == (form == "table")
        assert len(lines[1]) <= most
        assert ("MORE" in lines[0]) == (form == "wide")


def test_the_command_alone_prints_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    from meshtui.cli import run

    assert run(["schema", "status"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "meshtui status"
