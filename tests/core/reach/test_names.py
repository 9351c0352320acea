"""Which names the DNS proxy lets pass: patterns judged as Cilium does, in what is predicted of a service."""

from __future__ import annotations

import json

import msgspec
import pytest

from meshtui.core.model import resources as r
from meshtui.core.policy.dnsnames import may_ask
from meshtui.core.reach import reach
from meshtui.sim.datapath.resolver import _fits
from tests.core import recorded

NAME = "rebel-base.default.svc.cluster.local"


@pytest.mark.parametrize(
    ("pattern", "passes"),
    [
        ("*", True),
        (NAME, True),
        (f"{NAME.upper()}.", True),
        ("*.default.svc.cluster.local", True),
        ("rebel-*.default.svc.cluster.local", True),
        ("*.svc.cluster.local", False),
        ("**.svc.cluster.local", True),
        ("**.default.svc.cluster.local", True),
        ("*.*.svc.cluster.local", True),
        ("*.example.com", False),
        ("rebel-base", False),
        ("rebel-base.default.svc.my.domain", True),
    ],
)
def test_both_books_read_patterns_alike(pattern, passes):
    assert may_ask((pattern,), "default/rebel-base") is passes
    if ".my." not in pattern:
        assert _fits(pattern.rstrip(".").lower(), NAME) is passes


def with_names(rules):
    mesh = recorded.mesh_of(14)
    policy = mesh.clusters["koornacht"].of(r.CNPS)["default/default-deny"]
    spec = json.loads(json.dumps(policy.spec))
    spec["egress"][0]["toPorts"][0]["rules"] = {"dns": rules}
    mesh.clusters["koornacht"].objects[r.CNPS]["default/default-deny"] = msgspec.structs.replace(policy, spec=spec)
    return mesh


def test_a_name_that_may_not_be_asked_for_is_not_answered():
    found = reach(with_names([{"matchPattern": "*.example.com"}]), "koornacht", recorded.KEY)
    assert found.answering == frozenset()
    assert found.names.stop.text == (
        "the DNS proxy lets only *.example.com be asked for, and default/rebel-base is none of them"
    )
    assert found.summary == "no DNS: denied at koornacht (default-deny)"


def test_one_rule_of_several_is_enough_and_a_plain_one_lets_all_pass():
    rules = [{"matchPattern": "*.example.com"}, {"matchName": NAME}]
    assert reach(with_names(rules), "koornacht", recorded.KEY).answering == {"koornacht", "tion"}
    mesh = with_names(rules[:1])
    plain = {"egress": [{"toEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system"}}]}]}
    policy = mesh.clusters["koornacht"].of(r.CNPS)["default/default-deny"]
    meta = msgspec.structs.replace(policy.metadata, name="plain")
    made = msgspec.structs.replace(policy, metadata=meta, spec={"endpointSelector": {}, **plain})
    mesh.clusters["koornacht"].objects[r.CNPS]["default/plain"] = made
    assert reach(mesh, "koornacht", recorded.KEY).answering == {"koornacht", "tion"}
