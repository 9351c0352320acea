"""The API server's refusals, word for word as recorded of a real one."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.conftest import RECORDINGS

SERVICE = "/api/v1/namespaces/default/services/rebel-base"
CNPS = "/apis/cilium.io/v2/namespaces/default/ciliumnetworkpolicies"


def recorded(title: str) -> tuple[str, int]:
    text = (RECORDINGS / "protocol" / "http-cases.txt").read_text()
    found = re.search(rf"^# {re.escape(title)}\n(.*?)^# HTTP (\d+)$", text, re.S | re.M)
    assert found, title
    return found[1], int(found[2])


def same(answer: tuple[int, Any], title: str) -> None:
    body, status = recorded(title)
    assert answer == (status, json.loads(body))


async def test_missing_object(api):
    same(
        await api.get("/api/v1/namespaces/default/services/nope"),
        "GET /api/v1/namespaces/default/services/nope",
    )


async def test_missing_resource_and_group_are_plain_text(api):
    for path in ("/apis/cilium.io/v2/nonsense", "/apis/nope.io/v1/things"):
        body, status = recorded(f"GET {path}")
        code, text = await api.get(path)
        assert (code, text.strip()) == (status, body.strip())


async def test_stale_resource_version(api):
    stale = {"metadata": {"resourceVersion": "1", "annotations": {"a": "b"}}}
    same(await api.merge(SERVICE, stale), "PATCH stale resourceVersion")


async def test_non_string_annotation_in_a_patch(api):
    code, status = await api.merge(SERVICE, {"metadata": {"annotations": {"service.cilium.io/affinity": True}}})
    body, expected = recorded("PATCH non-string annotation")
    want = json.loads(body)

    def without_object(text: str) -> str:
        return re.sub(r'Invalid value: "\{.*\}": json', 'Invalid value: "{}": json', text)

    assert code == expected
    assert without_object(status["message"]) == without_object(want["message"])
    assert status["details"]["causes"][0]["field"] == want["details"]["causes"][0]["field"]
    assert status["reason"] == want["reason"]


async def test_json_patch_whose_test_fails(api):
    patch = [{"op": "test", "path": "/metadata/name", "value": "other"}]
    answer = await api.call("PATCH", SERVICE, patch, media="application/json-patch+json")
    same(answer, "PATCH json-patch test failing")


async def test_policy_that_the_schema_refuses(api):
    ports = [{"ports": [{"port": "80", "protocol": "NOPE"}]}]
    policy = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "bad"},
        "spec": {"endpointSelector": {}, "ingress": [{"toPorts": ports}]},
    }
    same(await api.call("POST", CNPS, policy), "POST invalid CiliumNetworkPolicy (schema)")


async def test_access_review(api):
    attributes = {"namespace": "default", "verb": "patch", "resource": "services"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    code, review = await api.call("POST", path, {"spec": {"resourceAttributes": attributes}})
    body, expected = recorded("SelfSubjectAccessReview")
    want = json.loads(body)
    assert code == expected
    assert {k: review[k] for k in ("kind", "apiVersion", "spec", "status")} == {
        k: want[k] for k in ("kind", "apiVersion", "spec", "status")
    }


async def test_service_account_without_rights(api):
    answer = await api.get("/api/v1/nodes", Impersonate_User="system:serviceaccount:default:default")
    same(answer, "GET nodes as a service account without rights")


async def test_bad_token(anonymous):
    same(await anonymous.get("/api/v1/nodes", Authorization="Bearer nonsense"), "bad token")


async def test_no_credentials(anonymous):
    same(await anonymous.get("/api/v1/nodes"), "no credentials")


async def test_dry_run_changes_nothing(api):
    _, before = await api.get(SERVICE)
    code, told = await api.merge(SERVICE + "?dryRun=All", {"metadata": {"annotations": {"a": "b"}}})
    assert (code, told["metadata"]["annotations"]["a"]) == (200, "b")
    assert told["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert (await api.get(SERVICE))[1] == before


async def test_a_patch_that_changes_nothing_makes_no_version(api):
    _, before = await api.get(SERVICE)
    _, after = await api.merge(SERVICE, {"metadata": {"name": "rebel-base"}})
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
