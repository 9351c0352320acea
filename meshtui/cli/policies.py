"""`meshtui policies`: network policies of all clusters."""

from __future__ import annotations

from typing import Any

from meshtui.cli import headless, output
from meshtui.core.model import objects as o
from meshtui.core.model.resources import CCNPS, CNPS, NETWORKPOLICIES, POLICIES, Resource
from meshtui.core.model.state import Cluster
from meshtui.mesh.scope import Scope

COLUMNS = ("cluster", "kind", "namespace", "name", "valid", "directions", "description")
_DIRECTIONS = ("ingress", "ingressDeny", "egress", "egressDeny")


def main(arguments: Any) -> int:
    """Print them."""
    return headless.wait_for(_main(arguments))


async def _main(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope(POLICIES, status=False, access=False, flows=False)) as session:
        code = headless.missing_data(session, (CNPS, NETWORKPOLICIES), (CCNPS,))
        namespaces = headless.shown_namespaces(session.settings)
        rows = [
            row(cluster, resource, policy)
            for cluster in headless.clusters_of(session)
            for resource in POLICIES
            for _, policy in sorted(cluster.of(resource).items())
            if not namespaces or policy.namespace in namespaces or not policy.namespace
        ]
        output.show(rows, COLUMNS, arguments.output)
        return code


def row(cluster: Cluster, resource: Resource, policy: o.Policy) -> dict[str, Any]:
    """One policy as plain data."""
    specs = [*([policy.spec] if policy.spec else []), *(policy.specs or ())]
    conditions = policy.status.conditions if policy.status and policy.status.conditions else []
    valid = next((c for c in conditions if c.type == "Valid"), None)
    return {
        "context": cluster.context,
        "cluster": cluster.name,
        "kind": resource.kind,
        "namespace": policy.namespace,
        "name": policy.name,
        "valid": None if valid is None else valid.status == "True",
        "directions": [name for name in _DIRECTIONS if any(name in spec for spec in specs)],
        "description": " ".join(str(spec.get("description", "")) for spec in specs).strip(),
        "specs": specs,
    }
