"""Which kinds the operator of each version defines, as recorded in a mesh of two."""

from __future__ import annotations

import pytest

from meshtui.sim.crd.definitions import known
from meshtui.sim.faults.inject import heal, inject
from tests.sim.worlds import world

GVR = ("apiextensions.k8s.io", "customresourcedefinitions")
RECORDED = {
    (1, 19): {
        "ciliumcidrgroups": ["v2", "v2alpha1"],
        "ciliumclusterwidenetworkpolicies": ["v2"],
        "ciliumendpoints": ["v2"],
        "ciliumidentities": ["v2"],
        "ciliuml2announcementpolicies": ["v2alpha1"],
        "ciliumloadbalancerippools": ["v2", "v2alpha1"],
        "ciliumnetworkpolicies": ["v2"],
        "ciliumnodeconfigs": ["v2", "v2alpha1"],
        "ciliumnodes": ["v2"],
        "ciliumpodippools": ["v2alpha1"],
    },
    (1, 17): {
        "ciliumcidrgroups": ["v2alpha1"],
        "ciliumclusterwidenetworkpolicies": ["v2"],
        "ciliumendpoints": ["v2"],
        "ciliumexternalworkloads": ["v2"],
        "ciliumidentities": ["v2"],
        "ciliuml2announcementpolicies": ["v2alpha1"],
        "ciliumloadbalancerippools": ["v2alpha1"],
        "ciliumnetworkpolicies": ["v2"],
        "ciliumnodeconfigs": ["v2", "v2alpha1"],
        "ciliumnodes": ["v2"],
        "ciliumpodippools": ["v2alpha1"],
    },
}


@pytest.mark.parametrize("version", RECORDED)
def test_definitions_as_recorded(version: tuple[int, int]) -> None:
    assert {each.plural: list(each.versions) for each in known(version)} == RECORDED[version]


def test_each_cluster_has_those_of_its_version() -> None:
    made = world(cilium_version="koornacht=1.20,tion=1.17")
    for name, version in (("koornacht", (1, 19)), ("tion", (1, 17))):
        found = made.clusters[name].store.list(GVR)
        names = {d["spec"]["names"]["plural"]: [v["name"] for v in d["spec"]["versions"]] for d in found}
        assert names == RECORDED[version]
        policies = next(d for d in found if d["metadata"]["name"] == "ciliumnetworkpolicies.cilium.io")
        (served,) = policies["spec"]["versions"]
        rule = served["schema"]["openAPIV3Schema"]["properties"]["spec"]
        assert "fromRequires" in rule["properties"]["ingress"]["items"]["properties"]


def test_without_cilium_there_are_none() -> None:
    assert world("no-cni").clusters["tion"].store.list(GVR) == []


def test_another_version_brings_its_own() -> None:
    made = world(cilium_version="1.17")
    inject(made, {"fault": "cilium-version", "version": "1.19", "cluster": "tion"})
    store = made.clusters["tion"].store
    held = store.get(GVR, "", "ciliumcidrgroups.cilium.io")
    assert held is not None
    assert [v["name"] for v in held["spec"]["versions"]] == ["v2", "v2alpha1"]
    assert store.get(GVR, "", "ciliumexternalworkloads.cilium.io") is not None, "what it does not know stays"
    heal(made, "cilium-version")
    held = store.get(GVR, "", "ciliumcidrgroups.cilium.io")
    assert held is not None
    assert [v["name"] for v in held["spec"]["versions"]] == ["v2alpha1"]
