"""Policies through the API server of a mesh of two versions: refused by schema, marked by the operator, completed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meshtui.sim.options import SimOptions
from meshtui.sim.serve import Mesh
from tests.sim.api.conftest import Client, administrator

CNPS = "/apis/cilium.io/v2/namespaces/default/ciliumnetworkpolicies"


@pytest.fixture
async def clusters(tmp_path: Path) -> AsyncIterator[tuple[Client, Client]]:
    """koornacht on 1.19, tion on 1.17."""
    options = SimOptions(directory=tmp_path / "mesh", ready_delay=0.05, cilium_version="koornacht=1.19,tion=1.17")
    async with Mesh(options) as mesh, administrator(mesh, 0) as new, administrator(mesh, 1) as old:
        yield new, old


def policy(spec: dict[str, Any] | None, name: str = "p") -> dict[str, Any]:
    found: dict[str, Any] = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": name}}
    return found | ({"spec": spec} if spec is not None else {})


async def condition(api: Client, name: str = "p", *, ending: str = "") -> tuple[str, str]:
    """(status, message) of Valid, once it is written and ends so."""
    while True:
        code, found = await api.get(f"{CNPS}/{name}")
        assert code == 200, found
        for each in (found.get("status") or {}).get("conditions") or ():
            if each["message"].endswith(ending):
                return each["status"], each["message"]
        await asyncio.sleep(0.02)


async def test_each_cluster_has_its_own_schema(clusters: tuple[Client, Client]) -> None:
    new, old = clusters
    requires = {"endpointSelector": {}, "ingress": [{"fromEndpoints": [{}], "fromRequires": [{}]}]}
    code, answer = await new.call("POST", CNPS, policy(requires))
    assert code == 422
    assert [(c["field"], c["reason"]) for c in answer["details"]["causes"]] == [
        ("spec.ingress[0].fromRequires[0]", "FieldValueTypeInvalid"),
        ("spec.ingress[0].fromRequires", "FieldValueTooMany"),
    ]
    code, answer = await old.call("POST", CNPS, policy(requires))
    assert code == 201, answer
    assert await condition(old) == ("True", "Policy validation succeeded")


async def test_each_cluster_has_its_own_operator(clusters: tuple[Client, Client]) -> None:
    new, old = clusters
    wanted = {"endpointSelector": {}, "ingress": [{"fromEndpoints": [{}], "authentication": {"mode": "required"}}]}
    for api in clusters:
        code, answer = await api.call("POST", CNPS, policy(wanted))
        assert code == 201, answer
    told = "mutual auth feature is disabled but an ingress auth rule is defined in policy"
    assert await condition(new) == ("False", told)
    assert await condition(old) == ("True", "Policy validation succeeded")


async def test_an_agent_refuses_what_the_schema_takes(clusters: tuple[Client, Client]) -> None:
    new, _ = clusters
    ports = [{"ports": [{"port": "080", "protocol": "TCP"}]}]
    code, answer = await new.call("POST", CNPS, policy({"endpointSelector": {}, "ingress": [{"toPorts": ports}]}))
    assert code == 201, answer
    why = 'unable to parse port: strconv.ParseUint: parsing "080": invalid syntax'
    assert await condition(new) == ("False", why)


async def test_a_policy_of_nothing_is_taken_and_called_valid_by_1_19(clusters: tuple[Client, Client]) -> None:
    new, _ = clusters
    assert (await new.call("POST", CNPS, policy(None)))[0] == 201
    assert (await condition(new))[0] == "True"


async def test_a_policy_of_nothing_is_refused_by_1_21(api: Client) -> None:
    code, answer = await api.call("POST", CNPS, policy(None))
    assert code == 422
    assert answer["message"].endswith('is invalid: <nil>: Invalid value: "object": spec or specs must be provided')


async def test_misspelt_fields_are_refused_when_asked_for_and_dropped_otherwise(api: Client) -> None:
    spec = {"endpointSelector": {}, "ingress": [{"fromEndpoint": [{}], "icmps": [{"fields": [{"type": 8}]}]}]}
    code, answer = await api.call("POST", f"{CNPS}?fieldValidation=Strict", policy(spec))
    assert code == 400
    assert answer["message"] == (
        'CiliumNetworkPolicy in version "v2" cannot be handled as a CiliumNetworkPolicy: '
        'strict decoding error: unknown field "spec.ingress[0].fromEndpoint"'
    )
    code, answer = await api.call("POST", CNPS, policy(spec))
    assert code == 201
    assert answer["spec"]["ingress"] == [{"icmps": [{"fields": [{"type": 8, "family": "IPv4"}]}]}]


async def test_groups_of_addresses_are_checked_and_explained(api: Client) -> None:
    path = "/apis/cilium.io/v2/ciliumcidrgroups"
    group = {"apiVersion": "cilium.io/v2", "kind": "CiliumCIDRGroup", "metadata": {"name": "g"}}
    code, answer = await api.call("POST", path, {**group, "spec": {"externalCIDRs": ["10.0.0.1"]}})
    assert (code, answer["details"]["causes"][0]["field"]) == (422, "spec.externalCIDRs[0]")
    assert (await api.call("POST", path, {**group, "spec": {"externalCIDRs": ["10.0.0.0/8"]}}))[0] == 201
    code, document = await api.get("/openapi/v3/apis/cilium.io/v2")
    found = document["components"]["schemas"]["io.cilium.v2.CiliumNetworkPolicy"]["properties"]["spec"]["properties"]
    assert {"ingress", "egressDeny", "enableDefaultDeny"} <= set(found)


@pytest.mark.parametrize(
    ("element", "field", "why"),
    [
        ({"ports": [{"port": 80, "protocol": "ICMP"}]}, "ports[0].protocol", 'Unsupported value: "ICMP"'),
        ({"ports": [{"port": 70000}]}, "ports[0].port", "must be between 1 and 65535, inclusive"),
        ({"ports": [{"port": 80, "endPort": 10}]}, "ports[0].endPort", "must be greater than or equal to `port`"),
        ({"ports": [{"port": "HTTP"}]}, "ports[0].port", "must contain only alpha-numeric characters"),
        ({"from": [{}]}, "from[0]", "must specify a peer"),
        ({"from": [{"ipBlock": {"cidr": "10.0.0.1"}}]}, "from[0].ipBlock.cidr", "must be a valid CIDR value"),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]},
            "from[0].ipBlock.except[0]",
            "must be a strict subset of `cidr`",
        ),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]},
            "from[0]",
            "may not specify both ipBlock and another peer",
        ),
    ],
)
async def test_network_policies_are_held_to_kubernetes_rules(
    api: Client, element: dict[str, Any], field: str, why: str
) -> None:
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"podSelector": {}, "ingress": [element]},
    }
    code, answer = await api.call("POST", "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", body)
    assert code == 422
    (cause,) = answer["details"]["causes"]
    assert cause["field"] == f"spec.ingress[0].{field}"
    assert why in cause["message"]


async def test_the_time_of_a_condition_is_when_its_status_changed(api: Client) -> None:
    first = {"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"port": "080"}]}]}]}
    second = {"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"port": "090"}]}]}]}
    assert (await api.call("POST", CNPS, policy(first)))[0] == 201
    told = await condition(api)
    old = {"type": "Valid", "status": told[0], "message": told[1], "lastTransitionTime": "2020-01-01T00:00:00Z"}
    assert (await api.merge(f"{CNPS}/p/status", {"status": {"conditions": [old]}}))[0] == 200
    await api.merge(f"{CNPS}/p", {"spec": second})
    await condition(api, ending='"090": invalid syntax')
    _, after = await api.get(f"{CNPS}/p")
    assert after["status"]["conditions"][0]["lastTransitionTime"] == old["lastTransitionTime"]
    await api.merge(f"{CNPS}/p", {"spec": {"ingress": [{}]}})
    await condition(api, ending="succeeded")
    _, after = await api.get(f"{CNPS}/p")
    assert after["status"]["conditions"][0]["lastTransitionTime"] != old["lastTransitionTime"]
