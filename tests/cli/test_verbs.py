"""Every verb on the embedded mesh: what it prints, in which format, and its exit code."""

import asyncio
import json

import pytest
import yaml

import meshtui as package
from meshtui.core.load.record import SCHEMA


async def test_version_and_help(meshtui):
    ran = await meshtui("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"meshtui {package.__version__}\n", "")
    for words in (("-h",), ("load", "-h")):
        ran = await meshtui(*words)
        assert ran.code == 0
        assert ran.out.startswith("examples:\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_knows_every_verb(meshtui, shell):
    ran = await meshtui("completion", shell)
    assert ran.code == 0
    for word in ("annotate", "simulate"):
        assert word in ran.out
    if shell == "bash":
        check = await asyncio.create_subprocess_exec("bash", "-n", stdin=asyncio.subprocess.PIPE)
        await check.communicate(ran.out.encode())
        assert check.returncode == 0


async def test_status(lab):
    meshtui, _ = lab
    ran = await meshtui("status", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    assert [(c["cluster"], c["id"], c["nodes"], c["state"]) for c in ran.data["clusters"]] == [
        ("koornacht", 1, {"ready": 1, "total": 1}, "live"),
        ("tion", 2, {"ready": 1, "total": 1}, "live"),
    ]
    assert [(link["from"], link["to"], link["state"]) for link in ran.data["links"]] == [
        ("koornacht", "tion", "ready"),
        ("tion", "koornacht", "ready"),
    ]


async def test_nodes_in_every_format(lab):
    meshtui, _ = lab
    names = ["koornacht-control-plane", "tion-control-plane"]
    table = (await meshtui("nodes")).out.splitlines()
    assert table[0].startswith("CLUSTER")
    assert [line.split()[1] for line in table[1:]] == names
    assert [row["name"] for row in (await meshtui("nodes", "-o", "json")).data] == names
    assert [row["name"] for row in yaml.safe_load((await meshtui("nodes", "-o", "yaml")).out)] == names
    assert [json.loads(line)["name"] for line in (await meshtui("nodes", "-o", "jsonl")).out.splitlines()] == names


async def test_services(lab):
    meshtui, _ = lab
    rows = (await meshtui("services", "--meshed", "-o", "json")).data
    assert [(r["service"], r["cluster"], r["global"], r["counts"]) for r in rows] == [
        ("default/rebel-base", "koornacht", True, {"koornacht": 2, "tion": 2}),
        ("default/rebel-base", "tion", True, {"koornacht": 2, "tion": 2}),
    ]
    told = (await meshtui("services", "explain", "rebel-base", "-o", "json")).data
    assert [(c["cluster"], c["ready"], c["total"]) for c in told["clusters"]] == [("koornacht", 2, 2), ("tion", 2, 2)]
    for row in told["clients"]:
        assert len(row["backends"]) == 4
        assert (row["agent"], row["disagreements"]) == ("koornacht 2, tion 2", [])
    assert told["findings"] == []
    ran = await meshtui("services", "explain", "rebel-base")
    assert "koornacht 2, tion 2" in ran.out
    ran = await meshtui("services", "explain", "default/no-such")
    assert ran.code == 1
    assert "next:" in ran.err
    ran = await meshtui("services", "--findings")
    assert (ran.code, ran.out) == (0, "")
    assert (await meshtui("services", "--filter", "nonsense:x")).code == 2
    rows = (await meshtui("services", "-A", "--filter", "type:nodeport", "--sort", "name", "-o", "json")).data
    assert {row["kind"] for row in rows} == {"NodePort"}


async def test_findings_end_with_one_and_carry_their_fixes(lab):
    meshtui, _ = lab
    ran = await meshtui("annotate", "rebel-base", "--context", "tion", "--global", "-", "--affinity", "local", "--yes")
    assert ran.code == 0
    assert ran.err.count("\nkubectl") == 1
    ran = await meshtui("services", "--findings", "-o", "json")
    assert ran.code == 1
    kinds = {row["kind"]: row for row in ran.data}
    assert set(kinds) == {"GLOBAL_ALONE", "INACTIVE"}
    assert kinds["GLOBAL_ALONE"]["fixes"] == [
        {"context": "tion", "service": "default/rebel-base", "annotation": "global", "value": "true"}
    ]
    assert (await meshtui("services", "--findings")).code == 1
    [_, tion] = (await meshtui("services", "--meshed", "-o", "json")).data
    assert (tion["written"]["affinity"], tion["affinity"], tion["not_read"]) == ("local", "none", ["affinity"])


async def test_annotate_plans_does_and_is_seen(lab):
    meshtui, _ = lab
    before = await meshtui("annotate", "rebel-base", "--context", "tion", "--shared", "false", "--dry-run")
    assert before.code == 0
    assert "would be done" in before.out
    ran = await meshtui("annotate", "rebel-base", "--context", "tion", "--shared", "false", "--yes", "-o", "json")
    assert ran.code == 0
    [row] = ran.data
    assert (row["what"], row["before"], row["after"], row["result"]) == (
        "service.cilium.io/shared", None, "false", "done",
    )  # fmt: skip
    assert "tion" in ran.err
    rows = (await meshtui("services", "--meshed", "-o", "json")).data
    assert rows[0]["counts"] == {"koornacht": 2}
    ran = await meshtui("annotate", "rebel-base", "--shared", "-", "--global", "-", "--yes", "-o", "json")
    assert ran.code == 0
    assert {row["after"] for row in ran.data} == {None}


async def test_annotate_refuses(lab):
    meshtui, _ = lab
    ran = await meshtui("annotate", "rebel-base", "--read-only", "--global", "false", "--yes")
    assert ran.code == 5
    assert (await meshtui("annotate", "rebel-base")).code == 2
    assert (await meshtui("annotate", "rebel-base", "--global", "perhaps")).code == 2
    assert (await meshtui("annotate", "no-such", "--global", "true")).code == 1


async def test_load_finds_both_clusters_and_checks(lab):
    meshtui, _ = lab
    ran = await meshtui("load", "rebel-base", "-n", "40", "-c", "4", "-o", "json", "--expect", "koornacht>0,tion>0")
    assert ran.code == 0
    for run in ran.data:
        assert set(run) == {*SCHEMA["properties"]}
        assert run["summary"]["answered"] == 40
        assert run["expected"] == {"koornacht": 0.5, "tion": 0.5}
        assert sum(run["summary"]["by_cluster"].values()) == 40
        assert run["verdict"] in ("as expected", "unlikely")
    # Four answers are too few for a move between clusters to be told, which would be a line more.
    ran = await meshtui("load", "rebel-base", "-n", "4", "--from", "koornacht/x-wing", "--expect", "hoth>0")
    assert ran.code == 1
    assert "expected hoth > 0, got 0" in ran.err
    assert ran.out.count("\n") == 2


async def test_load_says_why_it_cannot(lab):
    meshtui, _ = lab
    ran = await meshtui("load", "rebel-base", "--from", "koornacht/no-such")
    assert ran.code == 1
    assert "no-such" in ran.err
    assert (await meshtui("load", "rebel-base", "--from", "hoth/x-wing")).code == 2
    assert (await meshtui("load", "file:///etc/passwd")).code == 2
    ran = await meshtui("load", "no-such-service", "--from", "koornacht/x-wing", "-n", "1")
    assert ran.code == 1
    assert "name not resolved" in ran.out


async def test_default_deny_by_lab_step_and_its_stories(lab):
    meshtui, _ = lab
    ran = await meshtui("lab", "step", "default-deny", "--yes")
    assert ran.code == 0
    rows = (await meshtui("policies", "-o", "json")).data
    [row] = rows
    assert (row["policy"], row["closes"]) == ("default/default-deny", ["ingress", "egress"])
    assert row["in"] == ["koornacht present", "tion present"]
    assert row["selects"] == "koornacht 4, tion 4"
    assert row["does"][0] == "lets in nobody"
    ran = await meshtui(
        "load", "rebel-base", "--from", "koornacht/x-wing", "-n", "4", "-c", "4", "-m", "1", "--max-timeouts", "0",
        "-o", "json",
    )  # fmt: skip
    assert ran.code == 1
    [run] = ran.data
    assert run["summary"]["timeouts"] == 4
    assert all("default-deny" in request["story"] for request in run["requests"])


async def test_flows_compact_json_and_filtered(lab):
    meshtui, _ = lab
    await meshtui("load", "rebel-base", "--from", "tion/x-wing", "-n", "2")
    ran = await meshtui("flows", "--last", "5", "pod:default/x-wing")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 5
    assert all("x-wing" in line for line in ran.out.splitlines())
    lines = [json.loads(line) for line in (await meshtui("flows", "--last", "3", "-o", "jsonl")).out.splitlines()]
    assert len(lines) == 3
    assert all("flow" in line for line in lines)
    every = (await meshtui("flows", "--all")).out.splitlines()
    assert len(every) > 20
    first = (await meshtui("flows", "--first", "5", "--namespace", "default")).out.splitlines()
    assert [line for line in every if "default/" in line][:5] == first
    assert (await meshtui("flows", "--since", "yesterday")).code == 2


async def test_lab_steps_are_listed_and_building_needs_tools(meshtui, tmp_path):
    ran = await meshtui("lab", "step")
    assert ran.code == 0
    assert "egress-any-cluster" in ran.out
    assert (await meshtui("lab", "step", "no-such")).code == 2
    ran = await meshtui("lab", "up", "--dry-run")
    assert "kind create cluster --name koornacht" in ran.out
    meshtui.env["PATH"] = str(tmp_path)
    ran = await meshtui("lab", "up", "--yes")
    assert ran.code == 1
    assert "kind" in ran.err
