"""What a file of policies holds: the policies, and what is left out by name."""

from __future__ import annotations

import pytest

from meshtui.core.changes.manifests import parse
from meshtui.core.errors import UsageError

POLICY = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {}\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: cart}\n"


def test_policies_are_taken_and_everything_else_is_named():
    found = parse(f"{SERVICE}---\n{POLICY}---\nkind: {{}}\n", "shop.yaml")
    assert [each["metadata"]["name"] for each in found.policies] == ["p"]
    assert found.others[0] == "Service cart in shop.yaml, document 1"
    assert found.told.startswith("left out, as no policies: Service cart in shop.yaml, document 1; ")
    with pytest.raises(UsageError, match=r"Service cart in .* is no policy"):
        found.alone()


def test_a_file_of_policies_alone_leaves_nothing_out():
    found = parse(POLICY, "p.yaml")
    assert (found.others, found.told) == ((), "")
    assert found.alone() == found.policies


def test_a_clusterwide_policy_has_no_namespace_whatever_is_written():
    text = POLICY.replace("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy")
    (policy,) = parse(text, "p.yaml").policies
    assert policy["metadata"] == {"name": "p"}


@pytest.mark.parametrize("text", [SERVICE, "", "[]", "apiVersion: v1\nkind: List\nitems:\n- {kind: Pod}\n"])
def test_no_policy_at_all_is_refused(text):
    with pytest.raises(UsageError):
        parse(text, "x.yaml")


def test_a_policy_of_a_wrong_version_is_refused_whatever_stands_beside_it():
    with pytest.raises(UsageError, match="no API server takes") as caught:
        parse(f"{POLICY}---\n{POLICY.replace('cilium.io/v2', 'cilium.io/v2alpha1')}", "x.yaml")
    assert caught.value.cause == "its apiVersion is cilium.io/v2alpha1"
