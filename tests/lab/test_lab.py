"""The lab's manifests against the recorded objects, and its steps against the recorded names."""

import json

import pytest

from meshtui.core.errors import UsageError
from meshtui.lab import build, manifests
from meshtui.lab.steps import STATES, STEPS, Apply, step_named

VALUES = {"first": "koornacht", "cluster": "Koornacht", "planet": "N'Zoth"}


@pytest.mark.parametrize(
    ("manifest", "step", "cluster", "name"),
    [
        ("default-deny", "10-default-deny", "koornacht", "default-deny"),
        ("x-wing-to-rebel-base-any-cluster", "14-egress-any-cluster", "koornacht", "x-wing-to-rebel-base"),
        ("rebel-base-from-x-wing", "14-egress-any-cluster", "tion", "rebel-base-from-x-wing"),
    ],
)
def test_policies_are_the_recorded_ones(recordings, manifest, step, cluster, name):
    document = json.loads((recordings / step / cluster / "ciliumnetworkpolicies.json").read_text())
    recorded = {item["metadata"]["name"]: item["spec"] for item in document["items"]}
    [ours] = manifests.load(manifest, VALUES)
    assert (ours["metadata"]["name"], ours["metadata"]["namespace"]) == (name, "default")
    assert ours["spec"] == recorded[name]


def test_the_first_egress_rule_names_no_cluster():
    [policy] = manifests.load("x-wing-to-rebel-base", VALUES)
    [selector] = policy["spec"]["egress"][0]["toEndpoints"]
    assert selector == {"matchLabels": {"name": "rebel-base"}}
    assert policy["spec"]["endpointSelector"]["matchLabels"]["io.cilium.k8s.policy.cluster"] == "koornacht"


def test_rebel_base_says_who_it_is():
    configmap, deployment, service = manifests.load("rebel-base", VALUES)
    assert json.loads(configmap["data"]["message"]) == {"Cluster": "Koornacht", "Planet": "N'Zoth"}
    assert deployment["spec"]["replicas"] == 2
    assert service["spec"]["selector"] == {"name": "rebel-base"}


def test_a_hostile_cluster_name_cannot_change_a_manifest():
    [policy] = manifests.load("rebel-base-from-x-wing", {**VALUES, "first": 'x"\n  evil: true\n#'})
    assert set(policy["spec"]) == {"description", "endpointSelector", "ingress"}


def test_steps_are_named_like_the_recordings():
    assert [step.name for step in STEPS] == list(STATES[3:15])
    assert step_named("10-default-deny") is step_named("default-deny")
    with pytest.raises(UsageError):
        step_named("no-such")


def test_every_manifest_a_step_applies_exists():
    for step in STEPS:
        for action in step.actions:
            if isinstance(action, Apply):
                assert manifests.load(action.manifest, VALUES)


def test_building_joins_two_clusters_without_overlap():
    commands = [" ".join(command) for command, _ in build.up()]
    assert sum(command.startswith("kind create cluster") for command in commands) == 2
    assert any("clustermesh connect" in command for command in commands)
    configs = [text for _, text in build.up() if text]
    assert len(set(configs)) == 2
    assert all("disableDefaultCNI: true" in text for text in configs)
    assert [command[-1] for command, _ in build.down()] == list(build.NAMES)
