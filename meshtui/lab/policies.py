"""The lab's network policies by title: nothing may talk, then x-wing may reach rebel-base, step by step."""

from __future__ import annotations

from typing import Any

from meshtui.lab import manifests

_TITLES = {"x-wing-to-rebel-base-any-cluster": "x-wing-to-rebel-base, any cluster"}


def policies(client: str, namespace: str = "default") -> dict[str, dict[str, Any]]:
    """Title → CiliumNetworkPolicy manifest; `client` is the Cilium name of the cluster whose x-wing may pass."""
    values = {"first": client, "title": client.capitalize(), "namespace": namespace}
    found = {}
    for name in manifests.POLICIES:
        [found[_TITLES.get(name, name)]] = manifests.load(name, values)
    return found
