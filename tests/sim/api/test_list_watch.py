"""Lists in pages, selectors, and watches: bookmarks, versions, refusals as recorded."""

from __future__ import annotations

import asyncio
import contextlib
import json

import aiohttp

from meshtui.sim.faults.inject import inject
from tests.conftest import RECORDINGS

PODS = "/api/v1/pods"
SERVICES = "/api/v1/namespaces/default/services"
SERVICE = f"{SERVICES}/rebel-base"


def names(listing):
    return [i["metadata"]["name"] for i in listing["items"]]


@contextlib.asynccontextmanager
async def watching(api, path):
    """An iterator over a watch's events."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=10)
    async with api.session.get(api.server + path, headers=api.headers, timeout=timeout) as answer:
        assert answer.status == 200

        async def events():
            async for line in answer.content:
                yield json.loads(line)

        yield events()


async def some(events, count):
    found = []
    async for event in events:
        found.append(event)
        if len(found) == count:
            break
    return found


async def test_pages_hold_one_state_of_the_world(api):
    _, whole = await api.get(PODS)
    _, first = await api.get(f"{PODS}?limit=4")
    assert first["metadata"]["remainingItemCount"] == len(whole["items"]) - 4
    # What is created between the pages belongs to neither, and its event comes after the list's version.
    extra = {"metadata": {"name": "aaa"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert (await api.call("POST", "/api/v1/namespaces/default/pods", extra))[0] == 201
    got = names(first)
    page = first
    while token := page["metadata"].get("continue"):
        _, page = await api.get(f"{PODS}?limit=4&continue={token}")
        got += names(page)
    assert got == names(whole)
    assert page["metadata"]["resourceVersion"] == whole["metadata"]["resourceVersion"]
    async with watching(api, f"{PODS}?watch=1&resourceVersion={page['metadata']['resourceVersion']}") as events:
        assert (await some(events, 1))[0]["object"]["metadata"]["name"] == "aaa"


async def test_selectors(api):
    async def found(query):
        return len((await api.get(f"{PODS}?{query}"))[1]["items"])

    assert await found("labelSelector=name=x-wing") == 2
    assert await found("labelSelector=name%20in%20(x-wing,rebel-base)") == 4
    assert await found("labelSelector=name,name!=x-wing&fieldSelector=metadata.namespace=default") == 2
    assert await found("fieldSelector=status.phase=Running,metadata.namespace=default") == 4
    assert await found("fieldSelector=metadata.namespace!=default,status.phase=Pending") == 0
    code, status = await api.get(f"{PODS}?fieldSelector=spec.nonsense=1")
    assert (code, status["message"]) == (400, "field label not supported: spec.nonsense")


async def test_watch_follows_a_list(api):
    _, listing = await api.get(SERVICES)
    rv = listing["metadata"]["resourceVersion"]
    async with watching(api, f"{SERVICES}?watch=true&resourceVersion={rv}") as events:
        await api.merge(SERVICE, {"metadata": {"annotations": {"service.cilium.io/global": "true"}}})
        await api.call("DELETE", SERVICE)
        changed, gone = await some(events, 2)
    assert (changed["type"], gone["type"]) == ("MODIFIED", "DELETED")
    assert changed["object"]["metadata"]["annotations"]["service.cilium.io/global"] == "true"
    assert changed["object"]["kind"] == "Service"
    recorded = json.loads((RECORDINGS / "protocol" / "watch-services.jsonl").read_text().splitlines()[0])
    assert set(changed["object"]) == set(recorded["object"])


async def test_an_object_that_starts_to_match_is_added(api):
    _, listing = await api.get(SERVICES)
    rv = listing["metadata"]["resourceVersion"]
    path = f"{SERVICES}?watch=true&labelSelector=team=red&resourceVersion={rv}"
    async with watching(api, path) as events:
        for team in ("red", "blue"):
            await api.merge(SERVICE, {"metadata": {"labels": {"team": team}}})
        assert [e["type"] for e in await some(events, 2)] == ["ADDED", "DELETED"]


async def test_bookmark_at_the_end(api):
    _, listing = await api.get(SERVICES)
    rv = listing["metadata"]["resourceVersion"]
    path = f"{SERVICES}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion={rv}"
    async with watching(api, path) as events:
        found = [e async for e in events]
    assert [e["type"] for e in found] == ["BOOKMARK"]
    assert found[0]["object"]["kind"] == "Service"
    assert int(found[0]["object"]["metadata"]["resourceVersion"]) >= int(rv)


async def test_too_old(api, mesh):
    recorded = json.loads((RECORDINGS / "protocol" / "watch-too-old.jsonl").read_text())
    async with watching(api, f"{PODS}?watch=true&resourceVersion=1") as events:
        found = [e async for e in events]
    message = found[0]["object"].pop("message")
    assert message.startswith("too old resource version: 1 (")
    del recorded["object"]["message"]
    assert found == [recorded]


async def test_streaming_list_is_refused(api):
    path = "watch-endpointslices-initial-events.jsonl"
    recorded = json.loads((RECORDINGS / "protocol" / path).read_text())
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with watching(api, f"/apis/discovery.k8s.io/v1/endpointslices?{query}") as events:
        assert [e async for e in events] == [recorded]


async def test_a_storm_ends_watches_with_410(api, mesh):
    _, listing = await api.get(SERVICES)
    rv = listing["metadata"]["resourceVersion"]
    async with watching(api, f"{SERVICES}?watch=true&resourceVersion={rv}") as events:
        first = asyncio.create_task(some(events, 1))
        await api.get("/version")
        inject(mesh.world, {"fault": "watch-expire"})
        assert (await first)[0]["object"]["code"] == 410
    async with watching(api, f"{SERVICES}?watch=true&resourceVersion={rv}") as events:
        assert (await some(events, 1))[0]["object"]["reason"] == "Expired"


async def test_tables(api):
    table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    _, found = await api.get("/api/v1/namespaces/default/services", Accept=table)
    assert [c["name"] for c in found["columnDefinitions"] if not c["priority"]] == [
        "Name",
        "Type",
        "Cluster-IP",
        "External-IP",
        "Port(s)",
        "Age",
    ]
    row = next(r for r in found["rows"] if r["object"]["metadata"]["name"] == "rebel-base")
    assert row["cells"][:5] == ["rebel-base", "ClusterIP", row["cells"][2], "<none>", "80/TCP"]
    assert row["object"]["kind"] == "PartialObjectMetadata"


async def test_list_items_have_the_recorded_shape(api):
    _, custom = await api.get("/apis/cilium.io/v2/ciliumendpoints")
    _, builtin = await api.get(PODS)
    assert all(i["kind"] == "CiliumEndpoint" for i in custom["items"])
    assert not any("kind" in i for i in builtin["items"])
