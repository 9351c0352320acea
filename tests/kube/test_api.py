"""Lists, changes and refusals against the recorded answers of a real API server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshtui.core.errors import (
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    ServerFailed,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from meshtui.core.model import resources as r
from meshtui.kube.api import Api
from tests.kube.fake import FakeApi, Hold, failure, serving

SERVICES = "/api/v1/services"
RECORDED_LISTS = [
    *(resource for resource in r.WATCHED if resource not in {r.CCNPS, r.NETWORKPOLICIES}),
    r.CILIUMNODES,
    r.CILIUMIDENTITIES,
    r.CILIUMENDPOINTS,
]
REBEL_BASE = "/api/v1/namespaces/default/services/rebel-base"


def recorded(recordings: Path, step: str, cluster: str, name: str) -> dict:
    return json.loads((recordings / step / cluster / f"{name}.json").read_text())


def http_case(recordings: Path, title: str) -> dict:
    text = (recordings / "protocol" / "http-cases.txt").read_text()
    body = text.split(f"# {title}\n", 1)[1].split("\n# HTTP", 1)[0]
    return json.loads(body)


@pytest.mark.parametrize("resource", RECORDED_LISTS)
async def test_every_recorded_list_decodes_whole(fake, api, recordings, resource):
    listed = recorded(recordings, "3-deployed", "koornacht", resource.plural)
    fake.lists[resource.path()] = listed
    items, version = await api.list_all(resource)
    assert len(items) == len(listed["items"])
    assert version == listed["metadata"]["resourceVersion"]


async def test_pages_follow_continue(fake, api):
    items = [{"metadata": {"name": f"n{i:04}", "resourceVersion": "1"}} for i in range(1201)]
    fake.lists["/api/v1/namespaces"] = {"metadata": {"resourceVersion": "77"}, "items": items}
    sizes = [(len(page), version) async for page, version in api.pages(r.NAMESPACES)]
    assert sizes == [(500, "77"), (500, "77"), (201, "77")]
    assert [q.query.get("continue") for q in fake.requests] == [None, "500", "1000"]


async def test_a_list_that_expires_midway_starts_over_whole(fake, api):
    items = [{"metadata": {"name": f"n{i}"}} for i in range(700)]
    fake.lists["/api/v1/namespaces"] = {"metadata": {"resourceVersion": "5"}, "items": items}
    fake.refuse("GET /api/v1/namespaces", (0, b""), (410, failure(410, "Expired", "too old")), (0, b""))
    listed, version = await api.list_all(r.NAMESPACES)
    assert (len(listed), version) == (700, "5")
    assert "limit" not in fake.requests[-1].query


async def test_pages_say_expired(fake, api):
    fake.refuse("GET /api/v1/namespaces", (410, failure(410, "Expired", "too old")))
    with pytest.raises(Expired):
        _ = [page async for page in api.pages(r.NAMESPACES)]


async def test_one_odd_object_hides_no_other(fake, api):
    odd = {"metadata": {"name": "odd", "labels": ["not", "a", "map"]}}
    good = {"metadata": {"name": "good"}}
    fake.lists["/api/v1/namespaces"] = {"metadata": {"resourceVersion": "1"}, "items": [odd, good]}
    items, _ = await api.list_all(r.NAMESPACES)
    assert list(items) == ["good"]


async def test_merge_patch_sends_precondition_and_manager(fake, api, recordings):
    services = recorded(recordings, "4-global", "koornacht", "services")["items"]
    fake.objects[REBEL_BASE] = next(s for s in services if s["metadata"]["name"] == "rebel-base")
    patch = {"metadata": {"annotations": {"service.cilium.io/global": "true"}}}
    service = await api.patch(r.SERVICES, "rebel-base", "default", patch, resource_version="3931", dry_run=True)
    request = fake.requests[-1]
    assert request.headers["Content-Type"] == "application/merge-patch+json"
    assert dict(request.query) == {"fieldManager": "meshtui", "dryRun": "All"}
    assert fake.bodies[-1]["metadata"]["resourceVersion"] == "3931"
    assert service.annotations["service.cilium.io/global"] == "true"
    assert patch == {"metadata": {"annotations": {"service.cilium.io/global": "true"}}}


async def test_stale_resource_version_is_a_conflict_with_the_servers_words(fake, api, recordings):
    fake.refuse(f"PATCH {REBEL_BASE}", (409, http_case(recordings, "PATCH stale resourceVersion")))
    with pytest.raises(Conflict) as caught:
        await api.patch(r.SERVICES, "rebel-base", "default", {}, resource_version="1")
    error = caught.value
    assert (error.context, error.verb, error.resource, error.status) == ("k", "patch", "services", 409)
    assert "the object has been modified" in error.cause


async def test_invalid_policy_says_which_field(fake, api, recordings):
    answer = http_case(recordings, "POST invalid CiliumNetworkPolicy (schema)")
    fake.refuse(f"POST {r.CNPS.path('default')}", (422, answer))
    with pytest.raises(Invalid) as caught:
        await api.create(r.CNPS, {"metadata": {"name": "bad", "namespace": "default"}})
    assert "spec.ingress[0].toPorts[0].ports[0].protocol" in caught.value.cause


async def test_forbidden_names_the_kubectl_question(fake, api, recordings):
    fake.refuse("GET /api/v1/nodes", (403, http_case(recordings, "GET nodes as a service account without rights")))
    with pytest.raises(Forbidden) as caught:
        await api.list_all(r.NODES)
    assert caught.value.hint == "kubectl --context k auth can-i list nodes"
    assert 'cannot list resource "nodes"' in caught.value.cause
    assert caught.value.exit_code == 5


async def test_unauthorized(fake, tmp_path):
    path = fake.kubeconfig(tmp_path, user={"token": "wrong-secret"})
    async with await Api.connect("k", path, {}, request_timeout=5) as api:
        with pytest.raises(Unauthorized) as caught:
            await api.version()
    assert "wrong-secret" not in f"{caught.value!r}{caught.value}{caught.value.hint}"
    assert caught.value.exit_code == 3


async def test_missing_object_and_missing_resource(fake, api, recordings):
    answer = http_case(recordings, "GET /api/v1/namespaces/default/services/nope")
    fake.refuse("GET /api/v1/namespaces/default/services/nope", (404, answer))
    with pytest.raises(NotFound) as caught:
        await api.get(r.SERVICES, "nope", "default")
    assert caught.value.cause == 'services "nope" not found'
    with pytest.raises(NotFound) as caught:
        await api.list_all(r.CNPS)
    assert "CRD" in caught.value.hint


async def test_hostile_words_of_a_server_are_cleaned(fake, api):
    fake.refuse("GET /version", (500, failure(500, "InternalError", "boom \x1b[2J \u202eevil")))
    with pytest.raises(ServerFailed) as caught:
        await api.version()
    assert caught.value.cause.isprintable()


async def test_a_login_page_is_not_an_api_server(fake, api):
    fake.refuse("GET /api/v1/nodes", (200, b"<html>Please log in</html>"))
    with pytest.raises(ServerFailed) as caught:
        await api.list_all(r.NODES)
    assert "not as an API server" in caught.value.cause


async def test_version_and_apply_and_scale_and_delete(fake, api, recordings):
    fake.objects["/version"] = json.loads((recordings / "3-deployed/koornacht/version.json").read_text())
    assert await api.version() == "1.36.2"
    path = r.CNPS.path("default", "default-deny")
    fake.objects[path] = {"metadata": {"name": "default-deny", "namespace": "default"}}
    manifest = {"metadata": {"name": "default-deny", "namespace": "default"}, "spec": {}}
    await api.apply(r.CNPS, manifest, force=True)
    assert fake.requests[-1].headers["Content-Type"] == "application/apply-patch+yaml"
    assert fake.requests[-1].query["force"] == "true"
    assert fake.bodies[-1]["apiVersion"] == "cilium.io/v2"
    await api.delete(r.CNPS, "default-deny", "default", dry_run=True)
    assert fake.requests[-1].query["dryRun"] == "All"
    scale = "/apis/apps/v1/namespaces/default/deployments/rebel-base/scale"
    fake.objects[scale] = {"kind": "Scale", "spec": {"replicas": 0}}
    await api.scale(r.DEPLOYMENTS, "rebel-base", "default", 0)
    assert (fake.requests[-1].path, fake.bodies[-1]) == (scale, {"spec": {"replicas": 0}})


async def test_access_review(fake, api, recordings):
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    fake.objects[path] = http_case(recordings, "SelfSubjectAccessReview")
    assert await api.allowed("patch", r.SERVICES, "default") is True
    fake.objects[path] = {"status": {"allowed": False}}
    assert await api.allowed("create", r.PODS, "kube-system", subresource="exec") is False
    attributes = fake.bodies[-1]["spec"]["resourceAttributes"]
    assert attributes["subresource"] == "exec"
    assert attributes["resource"] == "pods"


async def test_a_silent_server_is_timed_out(tmp_path):
    fake = FakeApi()
    held = Hold()
    original = fake.handle

    async def silent(request):
        await fake._wait(held.until)
        return await original(request)

    fake.handle = silent
    async with serving(fake):
        path = fake.kubeconfig(tmp_path)
        async with await Api.connect("k", path, {}, request_timeout=0.2) as api:
            with pytest.raises(TimedOut) as caught:
                await api.version()
    assert "within 0.2 s" in caught.value.cause
    assert caught.value.exit_code == 4


async def test_a_closed_client_says_so(api):
    await api.close()
    with pytest.raises(Unreachable, match="session has ended"):
        await api.version()
