"""Discovery: Cilium's group as recorded, in both forms that clients ask for."""

from __future__ import annotations

import json

from tests.conftest import RECORDINGS

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def comparable(resources):
    return sorted(
        (
            {k: sorted(v) if isinstance(v, list) else v for k, v in r.items() if k != "storageVersionHash"}
            for r in resources
        ),
        key=lambda r: r["name"],
    )


async def test_ciliums_resources_are_the_recorded_ones(api):
    recorded = json.loads((RECORDINGS / "discovery" / "cilium.io_v2.json").read_text())
    _, found = await api.get("/apis/cilium.io/v2")
    assert comparable(found["resources"]) == comparable(recorded["resources"])
    assert (found["kind"], found["groupVersion"]) == (recorded["kind"], recorded["groupVersion"])


async def test_both_forms_agree(api):
    for root in ("/api", "/apis"):
        _, aggregated = await api.get(root, Accept=AGGREGATED)
        for group in aggregated["items"]:
            version = group["versions"][0]
            name = group["metadata"].get("name", "")
            _, plain = await api.get(f"/apis/{name}/{version['version']}" if name else "/api/v1")
            names = {r["name"] for r in plain["resources"] if "/" not in r["name"]}
            assert names == {r["resource"] for r in version["resources"]}


async def test_every_group_has_a_schema(api):
    _, index = await api.get("/openapi/v3")
    assert "apis/cilium.io/v2" in index["paths"]
    for name, entry in index["paths"].items():
        code, document = await api.get(entry["serverRelativeURL"])
        assert (code, name in entry["serverRelativeURL"]) == (200, True)
        schemas = document["components"]["schemas"]
        references = json.dumps(document).split("#/components/schemas/")[1:]
        assert {r.split('"')[0] for r in references} <= set(schemas)
