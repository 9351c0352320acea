"""`meshtui lab` as a person runs it, on an embedded mesh."""

from __future__ import annotations

import os

import jsonschema

from meshtui.cli.schemas import schema
from meshtui.lab.kind.run import run
from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command
from tests.waiting import GUARD


async def test_a_step_is_brought_about_from_anywhere_and_is_a_state():
    async with launch(SimOptions(state="global", nodes=3)) as running:
        meshtui = Command(str(running.kubeconfig))
        first = await meshtui("lab", "step", "affinity-local", "--yes", "-m", "0.7")
        assert first.code == 0, first.err
        assert "affinity-local: brought about" in first.err
        assert "✔ From koornacht koornacht answers; from tion koornacht and tion answer." in first.err
        again = await meshtui("lab", "step", "11", "-m", "0.7")
        assert again.code == 0
        assert "it was so already" in again.err
        stood = await meshtui("lab", "status", "-o", "json")
        assert [row["step"] for row in stood.data if row["state"] == "here"] == ["affinity-local"]


async def test_a_check_that_fails_says_why_and_ends_with_1():
    """The mesh is cut behind the lab's back: requests do not fail over.

    It takes as long as the requests of one check that get no answer.
    """
    async with launch(SimOptions(state="global", nodes=3)) as running:
        meshtui = Command(str(running.kubeconfig))
        import httpx

        async with httpx.AsyncClient(timeout=GUARD) as http:
            await http.post(f"{running.control}/faults", json={"fault": "link-cut"})
        ran = await meshtui("lab", "check", "--yes", "-m", "0.5", "--from", "local", "--patience", "4", "-o", "json")
    assert ran.code == 1
    jsonschema.Draft202012Validator(schema("lab-check")).validate(ran.data)
    failed = [row for row in ran.data if row["result"] == "failed"]
    assert [row["step"] for row in failed] == ["global"] == [ran.data[-1]["step"]]
    assert "From koornacht koornacht answers, where koornacht and tion answer is due" in failed[0]["said"]
    assert "meshtui: step global" in ran.err
    assert "cleaned up: 2 objects removed" in ran.err


async def test_deploy_check_and_remove_leave_nothing():
    async with launch(SimOptions(state="deployed", nodes=3)) as running:
        meshtui = Command(str(running.kubeconfig))
        where = ("--context", "koornacht", "--context", "tion", "-n", "lab")
        made = await meshtui(
            "lab", "deploy", *where, "--yes", "--planet", "Yavin", "--image", "server=a.example/nginx:1"
        )
        assert made.code == 0, made.err
        assert "next: meshtui lab tour --context koornacht --context tion -n lab" in made.err
        gone = await meshtui("lab", "remove", *where, "--yes")
        assert gone.out.splitlines() == ["koornacht: Namespace lab", "tion: Namespace lab"]
        refused = await meshtui("lab", "check", *where[:4], "-n", "kube-system")
        assert refused.code == 5
        assert "kube-system has pods that are not the lab's" in refused.err
        dry = await meshtui("lab", "step", "global", "--dry-run")
        assert dry.code == 0
        stood = await meshtui("lab", "status", "-o", "json")
        assert [row["step"] for row in stood.data if row["state"] == "here"] == ["deployed", "local"]


async def test_read_only_is_refused():
    async with launch(SimOptions(state="deployed")) as running:
        ran = await Command(str(running.kubeconfig))("lab", "step", "global", "--read-only")
    assert ran.code == 5


async def test_printed_scripts_are_shell_and_hold_the_labs_commands():
    meshtui = Command()
    up = await meshtui("lab", "up", "--print", "--cilium", "1.19.1")
    tour = await meshtui("lab", "tour", "--demo", "--print")
    for ran in (up, tour):
        assert ran.code == 0, ran.err
        assert (await run(["sh", "-n"], os.environ, print, given=ran.out.encode(), patience=10)).code == 0
    assert "cilium clustermesh connect --context kind-koornacht --destination-context kind-tion" in up.out
    assert up.out.count("--version 1.19.1") == 2
    assert "annotate --overwrite service rebel-base service.cilium.io/affinity-" in tour.out


async def test_what_is_not_built_cannot_be_removed():
    meshtui = Command()
    ran = await meshtui("lab", "down")
    assert ran.code == 2
    assert "meshtui has built no such lab" in ran.err
    wrong = await meshtui("lab", "step", "no-such")
    assert wrong.code == 2
    assert "steps: clusters, no-cni" in wrong.err
    late = await meshtui("lab", "up", "--until", "global")
    assert late.code == 2
