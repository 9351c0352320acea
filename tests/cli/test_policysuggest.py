"""`meshtui policies suggest`: of recordings, of the embedded mesh's own drops, and what is said beside."""

from __future__ import annotations

from pathlib import Path

import yaml

from meshtui.core.model.resources import CNPS
from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command

RECORDINGS = Path(__file__).parent.parent / "recordings"


def recording(step: str) -> str:
    return str(RECORDINGS / step / "flows.jsonl.gz")


async def test_a_recording_without_any_cluster_gives_what_its_drops_say(meshtui: Command):
    ran = await meshtui("policies", "suggest", "--from", recording("12-ingress-koornacht"))
    assert ran.code == 0
    found = list(yaml.safe_load_all(ran.out))
    assert {policy["kind"] for policy in found} == {CNPS.kind}
    names = [policy["metadata"]["name"] for policy in found]
    assert "x-wing-to-rebel-base" in names
    assert "policies that are in place are not known" in ran.err
    assert "pod-template-hash" not in ran.out
    assert "# kubectl --context koornacht apply" in ran.out


async def test_what_clusters_drop_is_covered_and_other_words_are_refused():
    async with launch(SimOptions(state="default-deny")) as running:
        meshtui = Command(str(running.kubeconfig))
        run = await meshtui("load", "--from", "koornacht/x-wing", "-n", "6", "-c", "6", "rebel-base")
        assert "egress at koornacht: default-deny" in run.out + run.err
        ran = await meshtui("policies", "suggest")
        assert ran.code == 0, ran.err
        found = list(yaml.safe_load_all(ran.out))
        assert {policy["metadata"]["name"] for policy in found} >= {"x-wing-to-rebel-base", "rebel-base-from-x-wing"}
        assert "wider than the evidence" not in ran.err
        wrong = await meshtui("policies", "sugest")
        assert wrong.code == 2
        assert "'sugest'" in wrong.err


async def test_traffic_that_was_seen_gets_policies_and_the_quiet_are_told():
    async with launch(SimOptions(state="global")) as running:
        meshtui = Command(str(running.kubeconfig))
        assert (await meshtui("load", "--from", "koornacht/x-wing", "-n", "20", "-c", "5", "rebel-base")).code == 0
        ran = await meshtui("policies", "suggest", "--allow-seen", "-o", "json", "-n", "default")
        names = {(each["cluster"], each["manifest"]["metadata"]["name"]) for each in ran.data}
        assert {("koornacht", "x-wing-egress"), ("tion", "rebel-base-from-x-wing")} <= names, names
        assert all(not each["beyond"] for each in ran.data)


async def test_a_file_that_is_none(meshtui: Command, tmp_path: Path):
    (tmp_path / "empty").write_text("")
    assert (await meshtui("policies", "suggest", "--from", str(tmp_path / "empty"))).code == 2
    assert (await meshtui("policies", "suggest", "--from", str(tmp_path / "none"))).code == 2
