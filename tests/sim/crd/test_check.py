"""What the schema of Cilium's policies refuses, in the API server's words, and what it drops and fills in."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.sim.crd import check, kinds
from meshtui.sim.crd.policies import policy
from meshtui.sim.options import VERSIONS
from tests.policycases import load

Object = dict[str, Any]
HTTP = {"http": [{"method": "GET"}]}


def told(spec: Object, version: tuple[int, int] = (1, 19)) -> list[str]:
    return [f"{field}: {text}" for _, text, field in check.causes(policy(version), {"spec": spec})]


def ingress(**element: Any) -> Object:
    return {"endpointSelector": {}, "ingress": [element]}


def port(**written: Any) -> Object:
    return ingress(toPorts=[{"ports": [written]}])


def test_what_the_real_schema_refused_and_took_is_refused_and_taken() -> None:
    """The cases name every policy that the API server did not take, with the beginning of its reason."""
    refused = taken = 0
    for case in load()[1]:
        major, minor = case["version"].split(".")
        schema = policy((int(major), int(minor)))
        for each in case.get("refused", ()):
            found = [f"{field}: {text}" for _, text, field in check.causes(schema, kinds.body(each["policy"]))]
            words = each["why"].removeprefix("[")
            assert any(words.startswith(one) or one.startswith(words.removesuffix("]")) for one in found), (
                case["id"], each["why"], found,
            )  # fmt: skip
            refused += 1
        for each in case["policies"]:
            if each["kind"] != "NetworkPolicy":
                assert check.causes(schema, kinds.body(each)) == [], case["id"]
                assert list(check.unknown(schema, kinds.body(each))) == [], case["id"]
                taken += 1
    assert (refused, taken) == (65, 380)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            port(port=80),
            (
                'spec.ingress[0].toPorts[0].ports[0].port: Invalid value: "integer": '
                'spec.ingress[0].toPorts[0].ports[0].port in body must be of type string: "integer"'
            ),
        ),
        (
            port(port="80", endPort=70000),
            (
                "spec.ingress[0].toPorts[0].ports[0].endPort: Invalid value: 70000: "
                "spec.ingress[0].toPorts[0].ports[0].endPort in body should be less than or equal to 65535"
            ),
        ),
        (
            ingress(fromEndpoints={"matchLabels": {}}),
            (
                'spec.ingress[0].fromEndpoints: Invalid value: "object": '
                'spec.ingress[0].fromEndpoints in body must be of type array: "object"'
            ),
        ),
        (
            ingress(fromEndpoints=[{"matchLabels": {"app": True}}]),
            (
                'spec.ingress[0].fromEndpoints[0].matchLabels.app: Invalid value: "boolean": '
                'spec.ingress[0].fromEndpoints[0].matchLabels.app in body must be of type string: "boolean"'
            ),
        ),
        (
            ingress(fromEndpoints=[{"matchExpressions": [{"key": "app"}]}]),
            "spec.ingress[0].fromEndpoints[0].matchExpressions[0].operator: Required value",
        ),
        (
            ingress(toPorts=[{"rules": {}}]),
            (
                '<nil>: Invalid value: "": "spec.ingress[0].toPorts[0].rules" must validate one and only one schema '
                "(oneOf). Found none valid"
            ),
        ),
        (
            ingress(toPorts=[{"rules": {**HTTP, "dns": []}}]),
            (
                '<nil>: Invalid value: "": "spec.ingress[0].toPorts[0].rules" must validate one and only one schema '
                "(oneOf). Found 2 valid alternatives"
            ),
        ),
        ({"endpointSelector": {}}, '<nil>: Invalid value: "": "spec" must validate at least one schema (anyOf)'),
    ],
)
def test_refusals_in_the_api_servers_words(spec: Object, why: str) -> None:
    assert why in told(spec)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_each_version_takes(version: tuple[int, int]) -> None:
    """One line per rule that changed with a version."""
    selects = ingress(fromEndpoints=[{}], fromRequires=[{"matchLabels": {"tier": "front"}}])
    assert (told(selects, version) == []) == (version < (1, 19))
    assert (told({"endpointSelector": {}}, version) == []) == (version < (1, 18))
    assert (told(ingress(fromEntities=["cluster-mesh"]), version) == []) == (version >= (1, 20))
    assert (told(port(protocol="TCP"), version) == []) == (version >= (1, 18))
    assert (told(port(port="0", protocol="VRRP"), version) == []) == (version >= (1, 18))
    assert (told(port(port="0", protocol="GRE"), version) == []) == (version >= (1, 20))
    assert (told(ingress(toPorts=[{"rules": {"kafka": []}}]), version) == []) == (version < (1, 20))
    assert told(ingress(fromEndpoints=[{}]), version) == []


def test_unknown_fields_are_found_and_dropped_and_defaults_filled_in() -> None:
    spec = ingress(fromEndpoint=[{}], icmps=[{"fields": [{"type": 8}]}])
    spec["ingressDeny"] = [{"toPorts": [{"ports": [{"port": "80"}], "rules": HTTP}]}]
    body = {"spec": spec}
    assert list(check.unknown(policy((1, 19)), body)) == [
        "spec.ingress[0].fromEndpoint",
        "spec.ingressDeny[0].toPorts[0].rules",
    ]
    check.complete(policy((1, 19)), body)
    assert body == {
        "spec": {
            "endpointSelector": {},
            "ingress": [{"icmps": [{"fields": [{"type": 8, "family": "IPv4"}]}]}],
            "ingressDeny": [{"toPorts": [{"ports": [{"port": "80"}]}]}],
        }
    }
