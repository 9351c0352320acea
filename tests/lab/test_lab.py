"""The lab's manifests against the recorded objects, and its steps against the recorded names."""

import json

import pytest
import yaml

from meshtui.core.errors import UsageError
from meshtui.lab import manifests
from meshtui.lab.facts import IMAGES, images_of, sites
from meshtui.lab.place import LabCluster, Place
from meshtui.lab.policies import policies
from meshtui.lab.script import commands, first_line
from meshtui.lab.state import NOTHING, Annotate, Apply, Remove, Scale, Side, State, between
from meshtui.lab.steps import STATES, STEPS, step_named
from meshtui.lab.texts import texts

VALUES = {"first": "koornacht", "title": "Koornacht", "cluster": "Koornacht", "planet": "N'Zoth"}


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
    [configmap] = manifests.load("configmap", VALUES)
    assert json.loads(configmap["data"]["message"]) == {"Cluster": "Koornacht", "Planet": "N'Zoth"}
    answers = [json.dumps({"Cluster": site.title, "Planet": site.planet}) for site in sites()]
    assert answers == ['{"Cluster": "Koornacht", "Planet": "N\'Zoth"}', '{"Cluster": "Tion", "Planet": "Foran Tutha"}']
    rebel_base, x_wing = manifests.load("deployment", VALUES)
    assert [each["spec"]["replicas"] for each in (rebel_base, x_wing)] == [2, 2]
    [service] = manifests.load("service", VALUES)
    assert service["spec"]["selector"] == rebel_base["spec"]["template"]["metadata"]["labels"] == {"name": "rebel-base"}


def test_images_are_pinned_by_digest_and_can_be_replaced():
    for image in (IMAGES.server, IMAGES.client):
        name, _, digest = image.partition("@sha256:")
        assert name.count("/") >= 1
        assert len(digest) == 64
        assert int(digest, 16)
    mirror = images_of(["server=mirror.example/nginx:1"])
    assert (mirror.server, mirror.client) == ("mirror.example/nginx:1", IMAGES.client)
    [found, _] = manifests.load("deployment", {**VALUES, "server_image": mirror.server})
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "mirror.example/nginx:1"
    for wrong in ("nginx", "proxy=nginx", "server="):
        with pytest.raises(UsageError):
            images_of([wrong])


def test_every_object_goes_into_the_namespace_asked_for():
    for name in (*manifests.APPLICATION, *manifests.POLICIES):
        for each in manifests.load(name, {**VALUES, "namespace": "elsewhere"}):
            assert each["metadata"]["namespace"] == "elsewhere"
    again = list(yaml.safe_load_all(manifests.text_of(manifests.load("deployment", VALUES))))
    assert again == manifests.load("deployment", VALUES)


def test_a_hostile_cluster_name_cannot_change_a_manifest():
    [policy] = manifests.load("rebel-base-from-x-wing", {**VALUES, "first": 'x"\n  evil: true\n#'})
    assert set(policy["spec"]) == {"description", "endpointSelector", "ingress"}


def test_steps_are_named_like_the_recordings():
    names = [step.name for step in STEPS]
    assert [name for name in names if name in STATES] == list(STATES[:15])
    assert [step.number for step in STEPS] == list(range(1, 21))
    assert step_named("10-default-deny") is step_named("default-deny") is step_named("15")
    for wrong in ("no-such", "0", "21", ""):
        with pytest.raises(UsageError):
            step_named(wrong)


def test_every_step_has_three_sentences_a_hint_and_a_question():
    for text in texts().values():
        assert len(text.why) == 3
        assert all(sentence.endswith(".") for sentence in (*text.why, text.hint))
        assert text.ask
        assert all(question.q.endswith("?") and question.a.endswith(".") for question in text.ask)


def test_the_dashboards_policies_are_the_labs():
    found = policies("koornacht")
    assert found["default-deny"] == manifests.load("default-deny", VALUES)[0]
    assert list(found) == [
        "default-deny", "x-wing-to-rebel-base", "x-wing-to-rebel-base, any cluster", "rebel-base-from-x-wing",
    ]  # fmt: skip


def test_a_command_is_told_on_one_line():
    place = Place(LabCluster("kind-koornacht", "koornacht", "N'Zoth"), LabCluster("kind-tion", "tion", "Foran Tutha"))
    told = [first_line(each) for each in commands(place, step_named("deployed"))]
    assert told[:3] == [
        "kubectl --context kind-koornacht -n default apply -f rebel-base-response.yaml",
        "kubectl --context kind-koornacht -n default apply -f rebel-base+x-wing.yaml",
        "kubectl --context kind-koornacht -n default apply -f rebel-base.yaml",
    ]
    assert first_line("kubectl get secret x |\n  kubectl create -f -") == "kubectl get secret x | kubectl create -f -"
    odd = Place(LabCluster("a b", "koornacht", "N'Zoth"), LabCluster("kind-tion", "tion", "Foran Tutha"))
    assert commands(odd, step_named("global"))[0].startswith("kubectl --context 'a b' -n default annotate")


def test_between_two_states_is_what_differs_and_nothing_else():
    states = [step.state for step in STEPS if step.state is not None]
    for now in states:
        for wanted in states:
            assert (between(now, wanted) == ()) == (now == wanted)
    local, remote = step_named("affinity-local").state, step_named("affinity-remote").state
    assert between(local, remote) == (Annotate(0, (("affinity", "remote"),)),)
    assert between(step_named("failover-local-0").state, remote) == (
        Scale(0, 2),
        Annotate(0, (("affinity", "remote"),)),
    )
    last, denied = step_named("egress-any-cluster").state, step_named("default-deny").state
    assert between(last, denied) == (
        Remove(0, "rebel-base-from-x-wing"), Remove(0, "x-wing-to-rebel-base"), Remove(1, "rebel-base-from-x-wing"),
    )  # fmt: skip


def test_a_policy_that_says_something_else_is_replaced_not_kept():
    odd = Side(policies=frozenset({"other x-wing-to-rebel-base"}))
    wanted = step_named("egress-allowed").state
    assert Apply(0, "x-wing-to-rebel-base") in between(State(odd, Side()), wanted)
    assert Remove(0, "x-wing-to-rebel-base") in between(State(odd, Side()), State(Side(), Side()))


def test_from_nothing_everything_is_applied_in_the_labs_order():
    found = between(State(NOTHING, NOTHING), step_named("deployed").state)
    assert found == tuple(Apply(index, name) for index in (0, 1) for name in manifests.APPLICATION)
