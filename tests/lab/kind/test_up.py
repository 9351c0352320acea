"""`lab up` against stand-ins that record, fail and hang: the lab's commands, and going on from every point."""

from __future__ import annotations

import asyncio
import re

import pytest
import yaml

from meshtui.core.errors import CheckFailed, UsageError
from meshtui.lab.kind.record import design_of
from tests.lab.kind.conftest import Site
from tests.waiting import alive, until

K, T = "kind-koornacht", "kind-tion"
HUBBLE = "hubble.relay.service.type=NodePort hubble.relay.service.nodePort=31234 hubble.ui.service.type=NodePort hubble.ui.service.nodePort=31235"  # noqa: E501
SETS = " ".join(f"--set {word}" for word in HUBBLE.split())
LAB = [
    "kind create cluster --name koornacht --config kind_koornacht.yaml",
    "kind create cluster --name tion --config kind_tion.yaml",
    f"cilium install --context {K} --set cluster.name=koornacht --set cluster.id=1 --set ipam.mode=kubernetes {SETS}",
    f"cilium status --context {K} --wait",
    f"kubectl --context {T} -n kube-system create -f -",
    f"cilium install --context {T} --set cluster.name=tion --set cluster.id=2 --set ipam.mode=kubernetes",
    f"cilium status --context {T} --wait",
    f"cilium hubble enable --ui --context {K}",
    f"cilium status --context {K} --wait",
    f"cilium clustermesh enable --context {K} --service-type NodePort",
    f"cilium clustermesh enable --context {T} --service-type NodePort",
    f"cilium clustermesh status --context {K} --wait",
    f"cilium clustermesh status --context {T} --wait",
    f"cilium clustermesh connect --context {K} --destination-context {T}",
    f"cilium clustermesh status --context {K} --wait",
    f"cilium clustermesh status --context {T} --wait",
]
"""The lab's commands, in an order in which the CA is shared before the second cluster's certificates are made."""
POINTS = list(dict.fromkeys(LAB))


def plain(calls: list[list[str]]) -> list[str]:
    """Calls as the lab has them: configurations by their file's name."""
    return [" ".join(word.rpartition("/")[2] if word.endswith(".yaml") else word for word in call) for call in calls]


def once(acts: list[str]) -> list[str]:
    return list(dict.fromkeys(acts))


async def test_the_commands_are_the_labs(site: Site):
    await site.up()
    assert plain(site.acts) == LAB
    assert [number for _, number, total in site.watcher.begun if total == len(LAB)] == list(range(1, len(LAB) + 1))
    assert len(site.watcher.ended) == len(LAB)
    assert not any(skipped for _, skipped in site.watcher.ended)


async def test_what_commands_print_is_shown_without_colours_and_no_secret_is(site: Site):
    await site.up()
    lines = site.watcher.lines
    assert "✅ Connected cluster kind-koornacht and kind-tion!" in lines
    assert " /¯¯\\__/¯¯\\    Cilium:             OK" in lines
    kept = "".join(path.read_text() for path in (site.records.directory("koornacht+tion")).iterdir())
    assert "SECRET" not in "\n".join(lines) + "\n".join(site.watcher.said) + kept


async def test_both_clusters_get_one_authority_before_the_second_is_installed(site: Site):
    await site.up()
    authorities = {name: (site.root / "ca" / name).read_text() for name in ("koornacht", "tion")}
    assert authorities["tion"] == authorities["koornacht"]
    assert "VERY-SECRET-koornacht" in authorities["tion"]


async def test_a_cli_that_inherits_an_authority_is_told_to(site: Site):
    site.write("classic")
    await site.up()
    acts = plain(site.acts)
    assert not any("create -f" in act for act in acts)
    assert [act for act in acts if "--inherit-ca" in act] == [f"{LAB[5]} --inherit-ca {K}"]


async def test_kinds_configurations_have_the_labs_facts(site: Site):
    await site.up()
    found = {name: yaml.safe_load((site.root / "clusters" / name).read_text()) for name in ("koornacht", "tion")}
    identity = site.records.one().id
    for number, (name, config) in enumerate(found.items(), 1):
        assert (config["kind"], config["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
        assert config["networking"] == {
            "disableDefaultCNI": True,
            "podSubnet": f"10.{number}.0.0/16",
            "serviceSubnet": f"172.20.{number}.0/24",
        }, name
        assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
        assert config["nodes"][0]["labels"] == {"meshtui.io/lab": identity}
    published = found["koornacht"]["nodes"][0]["extraPortMappings"]
    assert [(port["containerPort"], port["hostPort"]) for port in published] == [
        (32042, 32042), (31234, 31234), (31235, 31235),
    ]  # fmt: skip
    assert "extraPortMappings" not in found["tion"]["nodes"][0]


@pytest.mark.parametrize("point", POINTS, ids=range(len(POINTS)))
async def test_it_goes_on_after_a_failure_at_any_point(site: Site, point: str):
    site.write("fail", re.sub(r"kind_\w+\.yaml", "", point) + "\n")
    with pytest.raises(CheckFailed) as failed:
        await site.up()
    assert failed.value.cause == "Error: Unable to do it: timeout while waiting for condition"
    assert plain(site.acts)[-1] == point
    before = len(site.acts)
    site.mend()
    await site.up()
    acts = plain(site.acts)
    after = [act for act in acts[before:] if not act.startswith("kind delete")]
    assert acts[:before] == LAB[:before], "nothing was done out of order before"
    assert after == LAB[before - 1 :], "the failed command again, then the rest, and nothing twice"
    assert site.clusters == {"koornacht", "tion"}


@pytest.mark.parametrize("point", [LAB[0], LAB[2], LAB[4], LAB[5], LAB[7], LAB[11], LAB[13]])
async def test_an_interrupt_ends_what_runs_and_it_goes_on_from_there(site: Site, point: str):
    site.write("hang", re.sub(r"kind_\w+\.yaml", "", point) + "\n")
    task = asyncio.create_task(site.up())
    await until(lambda: (site.root / "child").exists() and (site.root / "child").read_text().strip())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive(int((site.root / "child").read_text())))
    assert site.records.one().begun
    before = len(site.acts)
    site.mend()
    await site.up()
    assert [act for act in plain(site.acts)[before:] if not act.startswith("kind delete")] == LAB[before - 1 :]
    assert site.records.one().begun == ""


async def test_a_command_that_hangs_is_ended_and_told(site: Site):
    site.write("hang", "cilium hubble enable\n")
    with pytest.raises(CheckFailed, match="`cilium hubble enable` has not ended within"):
        await site.up(patience=0.5)
    await until(lambda: not alive(int((site.root / "child").read_text())))


@pytest.mark.parametrize("command", ["create koornacht", "install tion", "authority of tion", "create tion"])
async def test_what_was_done_but_not_written_down_is_not_done_twice(site: Site, command: str):
    """The program was killed between a command's end and the record."""
    await site.up(until="cilium")
    record = site.records.one()
    record.done = record.done[: record.done.index(command)]
    record.begun = command
    site.records.write(record)
    before = len(site.acts)
    await site.up(until="cilium")
    again = [act for act in plain(site.acts)[before:] if "status" not in act]
    assert again == [], "its effect was there already"
    assert (command, True) in site.watcher.ended


async def test_a_cluster_left_half_made_is_made_anew(site: Site):
    site.write("fail", "kind create cluster --name tion\n")
    with pytest.raises(CheckFailed):
        await site.up()
    assert site.clusters == {"koornacht", "tion"}
    site.mend()
    await site.up(until="clusters")
    assert "kind delete cluster --name tion" in plain(site.acts)
    assert site.watcher.said[-1] == "tion was left half made: it is removed and made again"


async def test_it_can_be_built_step_by_step(site: Site):
    steps = ("no-cni", "cilium", "hubble", "mesh-enabled", "connected")
    for step, count in zip(steps, (2, 7, 9, 13, 16), strict=True):
        await site.up(until=step)
        assert plain(site.acts) == LAB[:count], step


async def test_versions_names_nodes_and_the_provider_are_a_persons_choice(site: Site):
    await site.up(names=("alpha", "beta", "gamma"), nodes=1, cilium="1.19.1", provider="podman")
    acts = plain(site.acts)
    assert sum("--version 1.19.1" in act for act in acts) == 3
    connects = [act for act in acts if "connect" in act]
    assert [act.split("--context ")[1] for act in connects] == [
        "kind-alpha --destination-context kind-beta",
        "kind-alpha --destination-context kind-gamma",
        "kind-beta --destination-context kind-gamma",
    ]
    assert any(call[0] == "podman" for call in site.calls)
    assert not any(call[0] == "docker" for call in site.calls)
    assert design_of(site.records.one()).sites[2].pods == "10.3.0.0/16"
    with pytest.raises(UsageError, match="cannot be a cluster's name"):
        await site.up(names=("Alpha", "beta"))
