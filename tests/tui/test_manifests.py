"""Policies out of what kubectl gives: Lists, and files that hold other things, too (report 32)."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.core.errors import UsageError
from meshtui.tui.policies.manifests import from_file

REPORT = Path(__file__).parents[1] / "recordings" / "reports" / "32-list-and-mixed"


@pytest.mark.parametrize("name", ["list.yaml", "mixed.yaml"])
def test_the_policies_in_it_are_offered(name):
    found = from_file(REPORT / name)
    assert found
    assert {manifest["kind"] for manifest in found} <= {"CiliumNetworkPolicy", "NetworkPolicy"}


def test_a_version_that_is_wrong_is_named():
    with pytest.raises(UsageError, match="no policy that is known") as caught:
        from_file(REPORT / "v2alpha1.yaml")
    assert "v2alpha1" in caught.value.cause
    assert "cilium.io/v2" in caught.value.hint
