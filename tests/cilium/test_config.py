"""cilium-config as recorded, absent, forbidden and odd; the version from the image or the chart."""

from __future__ import annotations

import json

import msgspec
import pytest

from meshtui.cilium import place, version
from meshtui.cilium.config import read_config
from meshtui.cilium.place import namespace_of
from meshtui.core.errors import Forbidden, NotFound
from meshtui.core.model.objects import DaemonSet
from tests.cilium.conftest import KUBE_SYSTEM
from tests.kube.fake import failure

CONFIG = f"{KUBE_SYSTEM}/configmaps/cilium-config"
DAEMONSET = "/apis/apps/v1/namespaces/kube-system/daemonsets/cilium"


@pytest.fixture
def recorded(fake, koornacht):
    fake.objects[CONFIG] = json.loads((koornacht / "cilium-config.json").read_text())
    daemonsets = json.loads((koornacht / "daemonsets.json").read_text())["items"]
    fake.objects[DAEMONSET] = next(d for d in daemonsets if d["metadata"]["name"] == "cilium")


async def test_the_recorded_cluster(api, recorded):
    config = await read_config(api)
    assert (config.name, config.id, config.version) == ("koornacht", 1, (1, 21))
    assert config.policy_default_local_cluster is True
    assert config.data["tunnel-protocol"] == "vxlan"


async def test_a_cluster_without_cilium_is_a_stated_fact(fake, api):
    fake.refuse(f"GET {CONFIG}", (404, failure(404, "NotFound", 'configmaps "cilium-config" not found')))
    with pytest.raises(NotFound, match="k has no Cilium") as caught:
        await read_config(api)
    assert caught.value.hint == "install it: cilium install --context k"


async def test_forbidden_stays_forbidden(fake, api):
    for path in (CONFIG, "/apis/apps/v1/daemonsets", "/api/v1/pods"):
        fake.refuse(f"GET {path}", (403, failure(403, "Forbidden", "no")))
    with pytest.raises(Forbidden) as caught:
        await read_config(api)
    assert "auth can-i get configmaps -n kube-system" in caught.value.hint


async def test_a_missing_right_on_daemonsets_costs_only_the_version(fake, api, recorded):
    fake.refuse(f"GET {DAEMONSET}", (403, failure(403, "Forbidden", "no")))
    config = await read_config(api)
    assert (config.name, config.version) == ("koornacht", (0, 0))


async def test_a_cluster_outside_any_mesh_has_ciliums_defaults(fake, api):
    fake.objects[CONFIG] = {"metadata": {"name": "cilium-config"}, "data": {"cluster-id": "x"}}
    config = await read_config(api)
    assert (config.name, config.id, config.version) == ("default", 0, (0, 0))


@pytest.mark.parametrize(
    ("image", "chart", "expected"),
    [
        ("quay.io/cilium/cilium:v1.18.4@sha256:0123", "", (1, 18)),
        ("quay.io/cilium/cilium:v1.19.0-rc.1", "cilium-1.21.0", (1, 19)),
        ("registry:5000/cilium/cilium:1.20.1", "", (1, 20)),
        ("registry:5000/cilium/cilium", "", (0, 0)),
        ("registry.v1.2:5000/cilium", "", (0, 0)),
        ("docker.io/lab/fat:1", "cilium-1.21.0-dev", (1, 21)),
        ("cilium-ci:latest", "cilium-nightly", (0, 0)),
        ("cilium@sha256:0123", "", (0, 0)),
    ],
)
def test_version(image, chart, expected):
    document = {
        "metadata": {"name": "cilium", "labels": {"helm.sh/chart": chart}},
        "spec": {"template": {"spec": {"containers": [{"name": "cilium-agent", "image": image}]}}},
    }
    assert version.of_daemonset(msgspec.convert(document, DaemonSet)) == expected


async def test_what_found_cilium_is_not_read_again_to_know_it_and_is_read_anew_the_next_time(fake, api):
    fake.objects[CONFIG] = {"metadata": {"name": "cilium-config"}, "data": {"cluster-name": "one"}}
    assert await namespace_of(api) == "kube-system"
    assert (await read_config(api, identities=False)).name == "one"
    assert len(fake.asked("GET", CONFIG)) == 1
    fake.objects[CONFIG] = {"metadata": {"name": "cilium-config"}, "data": {"cluster-name": "two"}}
    assert (await read_config(api, identities=False)).name == "two"
    assert len(fake.asked("GET", CONFIG)) == 2


async def test_what_was_read_a_while_ago_is_read_again(fake, api, monkeypatch):
    fake.objects[CONFIG] = {"metadata": {"name": "cilium-config"}, "data": {"cluster-name": "one"}}
    monkeypatch.setattr(place, "FRESH_SECONDS", 0.0)
    await namespace_of(api)
    assert (await read_config(api, identities=False)).name == "one"
    assert len(fake.asked("GET", CONFIG)) == 2
