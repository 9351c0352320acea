"""The release Secrets are what Helm reads: packed, numbered, one deployed, and of the cluster's version."""

from __future__ import annotations

import base64
import json

import pytest

from meshtui.sim import ciliumca, helm
from tests.sim.worlds import world

SECRETS = ("", "secrets")


@pytest.mark.parametrize(("version", "full"), [("1.17", "1.17.0"), ("1.20", "1.20.0"), ("1.21", "1.21.0-dev")])
def test_the_newest_release_is_deployed_and_of_the_clusters_version(version: str, full: str) -> None:
    cluster = world("deployed", cilium_version=version).clusters["koornacht"]
    held = [s for s in cluster.store.list(SECRETS, "kube-system") if s["metadata"]["name"].startswith(helm.PREFIX)]
    held.sort(key=lambda s: int(s["metadata"]["labels"]["version"]))
    assert [s["metadata"]["labels"]["status"] for s in held] == ["superseded"] * 6 + ["deployed"]
    assert {(s["metadata"]["labels"]["name"], s["metadata"]["labels"]["owner"]) for s in held} == {("cilium", "helm")}
    release = helm.unpacked(held[-1])
    assert (release["name"], release["namespace"], release["version"]) == ("cilium", "kube-system", 7)
    assert release["chart"]["metadata"]["version"] == full
    assert release["config"]["cluster"] == {"name": "koornacht", "id": 1}
    peers = release["config"]["clustermesh"]["config"]["clusters"]
    assert [(p["name"], p["port"]) for p in peers] == [("tion", 32379)]


def test_its_manifest_holds_what_the_chart_owns_without_what_the_server_gave() -> None:
    cluster = world("deployed").clusters["tion"]
    newest = cluster.store.get(SECRETS, "kube-system", f"{helm.PREFIX}cilium.v7")
    assert newest is not None
    documents = [json.loads(d.split("\n", 1)[1]) for d in helm.unpacked(newest)["manifest"].split("---\n")[1:]]
    names = {(d["kind"], d["metadata"]["name"]) for d in documents}
    assert {("DaemonSet", "cilium"), ("Deployment", "hubble-relay"), ("ConfigMap", "cilium-config")} <= names
    for document in documents:
        assert "status" not in document
        assert not {"uid", "resourceVersion", "creationTimestamp"} & document["metadata"].keys()


@pytest.mark.parametrize(("state", "releases"), [("no-cni", 0), ("cilium", 1)])
def test_states_before_the_mesh_have_no_peers(state: str, releases: int) -> None:
    cluster = world(state).clusters["koornacht"]
    held = [s for s in cluster.store.list(SECRETS) if s["metadata"]["name"].startswith(helm.PREFIX)]
    assert bool(held) == bool(releases)
    for secret in held:
        assert "clustermesh" not in helm.unpacked(secret)["config"]


def test_certificates_are_certificates() -> None:
    cluster = world("deployed").clusters["koornacht"]
    ciliumca.furnish(cluster)
    authority = cluster.store.get(SECRETS, "kube-system", "cilium-ca")
    remote = cluster.store.get(SECRETS, "kube-system", "clustermesh-apiserver-remote-cert")
    assert authority is not None
    assert remote is not None
    assert remote["data"]["ca.crt"] == authority["data"]["ca.crt"]
    for text in (*authority["data"].values(), *remote["data"].values()):
        assert base64.b64decode(text).startswith(b"-----BEGIN ")
