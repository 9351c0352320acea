"""Faults as the API shows them, and rights that are less than an administrator's."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from meshtui.sim.faults.inject import heal, inject
from tests.waiting import GUARD, until

PODS = "/api/v1/namespaces/default/pods"


async def test_a_dead_node_is_not_ready_and_its_endpoints_go(api, mesh):
    async def ready():
        _, node = await api.get("/api/v1/nodes/koornacht-control-plane")
        return next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready")

    async def serving():
        query = "labelSelector=kubernetes.io/service-name=rebel-base"
        path = f"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?{query}"
        _, slices = await api.get(path)
        return [e["conditions"]["ready"] for s in slices["items"] for e in s["endpoints"]]

    assert (await ready(), await serving()) == ("True", [True, True])
    inject(mesh.world, {"fault": "node-down", "cluster": "koornacht"})

    async def lost():
        return (await ready(), await serving()) == ("Unknown", [False, False])

    await until(lost)
    heal(mesh.world, "node-down")

    async def back():
        return (await ready(), await serving()) == ("True", [True, True])

    await until(back)


async def test_a_server_that_is_down_cuts_watches_and_answers_nothing(api, mesh):
    _, listing = await api.get(PODS)
    rv = listing["metadata"]["resourceVersion"]
    async with api.session.get(f"{api.server}{PODS}?watch=1&resourceVersion={rv}") as watch:
        inject(mesh.world, {"fault": "api-down", "cluster": "koornacht"})
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(watch.content.read(), GUARD)
    with pytest.raises(aiohttp.ClientError):
        await api.get(PODS)
    heal(mesh.world, "api-down")
    assert (await api.get(PODS))[0] == 200


async def test_forbidding_one_verb_on_one_resource(api, mesh):
    inject(mesh.world, {"fault": "forbid", "verb": "patch", "resource": "services"})
    path = "/api/v1/namespaces/default/services/rebel-base"
    code, status = await api.merge(path, {"metadata": {"annotations": {"a": "b"}}})
    assert (code, status["reason"]) == (403, "Forbidden")
    assert 'cannot patch resource "services"' in status["message"]
    assert (await api.get(path))[0] == 200


async def test_a_made_user_may_what_bindings_grant(api, anonymous, mesh):
    control = mesh.ready()["control"]
    async with aiohttp.ClientSession() as session, session.post(f"{control}/users", json={"name": "eve"}) as answer:
        token = (await answer.json())["tokens"]["koornacht"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await anonymous.get(PODS, **headers))[0] == 403
    binding = {
        "metadata": {"name": "eve-views"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "eve"}],
    }
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    assert (await api.call("POST", path, binding))[0] == 201
    assert (await anonymous.get(PODS, **headers))[0] == 200
    assert (await anonymous.call("DELETE", f"{PODS}/any", **headers))[0] == 403


async def test_eviction_ends_a_pod_and_another_comes(api):
    _, listing = await api.get(f"{PODS}?labelSelector=name=x-wing")
    name = listing["items"][0]["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    assert (await api.call("POST", f"{PODS}/{name}/eviction", body))[0] == 201

    async def replaced():
        _, now = await api.get(f"{PODS}?labelSelector=name=x-wing")
        names = {p["metadata"]["name"] for p in now["items"]}
        return len(names) == 2 and name not in names

    await until(replaced)


async def test_a_dead_agent_pod_comes_back_and_the_living_are_left_alone(api, mesh):
    path = "/api/v1/namespaces/kube-system/pods"

    async def agents():
        _, listing = await api.get(f"{path}?labelSelector=k8s-app=cilium")
        return [p["metadata"]["name"] for p in listing["items"] if "deletionTimestamp" not in p["metadata"]]

    first = await agents()
    await api.merge(f"{path}/{first[0]}", {"metadata": {"annotations": {"looked": "at"}}})
    await api.merge("/api/v1/nodes/koornacht-control-plane", {"metadata": {"labels": {"looked": "at"}}})
    assert await agents() == first
    await api.call("DELETE", f"{path}/{first[0]}")

    async def replaced():
        now = await agents()
        return len(now) == 1 and now != first

    await until(replaced)
