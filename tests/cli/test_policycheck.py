"""`meshtui policies check` on the embedded mesh: the exit code is the answer, and it is what then happens."""

from __future__ import annotations

import pytest

from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("state", "answering"),
    [("global", {"koornacht", "tion"}), ("default-deny", set()), ("ingress-tion", {"koornacht"})],
)
async def test_checked_and_then_asked(state, answering):
    async with launch(SimOptions(state=state)) as running:
        meshtui = Command(str(running.kubeconfig))
        checked = await meshtui("policies", "check", "koornacht/x-wing", "rebel-base:80/TCP", "-o", "json")
        rows = checked.data
        assert {row["destination"].partition("/")[0] for row in rows if row["verdict"] == "allowed"} == answering
        assert checked.code == (0 if len(answering) == 2 else 1)
        assert all(row["why"] for row in rows)
        asked = await meshtui("load", "--from", "koornacht/x-wing", "rebel-base", "-n", "12", "-c", "6", "-o", "json")
        run = asked.data[0]
        assert set(run["summary"]["by_cluster"]) == answering
        assert set(run["expected"]) == answering
        if not answering:
            assert (asked.code, run["verdict"]) == (1, "failed")
            assert "nobody answered, as predicted: denied at koornacht" in asked.err


async def test_what_cannot_be_checked_is_a_usage_error(lab):
    meshtui, _ = lab
    assert (await meshtui("policies", "check", "nowhere/x-wing", "rebel-base")).code == 2
    assert (await meshtui("policies", "chekc")).code == 2


async def test_services_tell_who_is_refused_and_by_what():
    async with launch(SimOptions(state="ingress-tion")) as running:
        meshtui = Command(str(running.kubeconfig))
        rows = (await meshtui("services", "-o", "json")).data
        told = {row["cluster"]: row for row in rows if row["service"] == "default/rebel-base"}
        assert told["koornacht"]["answering"] == ["koornacht"]
        assert told["koornacht"]["answered_shares"] == {"koornacht": 0.5}
        assert [stop["at"] for stop in told["koornacht"]["refused"]["tion"]] == ["koornacht"]
        assert told["koornacht"]["clients"] == "default/x-wing, the load test's client"
        assert told["tion"]["traffic"] == "denied at tion (default-deny)"
        explained = await meshtui("services", "explain", "default/rebel-base")
        assert "means koornacht only" in explained.out
