"""`meshtui nodes`: the nodes of all clusters."""

from __future__ import annotations

from typing import Any

from meshtui.cli import headless, output, watching
from meshtui.core.model import objects as o
from meshtui.core.model.resources import NODES
from meshtui.core.model.state import Cluster
from meshtui.mesh.scope import Scope

COLUMNS = ("cluster", "name", "ready", "pod_cidr", "internal_ip", "kubelet", "created")


def main(arguments: Any) -> int:
    """Print them."""
    watching.check(arguments)
    return headless.wait_for(_main(arguments))


async def _main(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    async with headless.opened(
        settings, Scope((NODES,), status=False, access=False, flows=False, judged=False, once=not arguments.watch)
    ) as session:
        code = headless.missing_data(session, (NODES,), cilium=False)

        def rows() -> list[dict[str, Any]]:
            clusters = headless.clusters_of(session)
            return [row(cluster, node) for cluster in clusters for _, node in sorted(cluster.nodes.items())]

        if arguments.watch:
            return await watching.watch(session, rows, ("context", "name"), COLUMNS, arguments)
        output.show(rows(), COLUMNS, arguments.output, nothing="no cluster has nodes")
        return code


def row(cluster: Cluster, node: o.Node) -> dict[str, Any]:
    """One node as plain data."""
    condition = next((c for c in node.status.conditions or () if c.type == "Ready"), None)
    addresses = {address.type: address.address for address in node.status.addresses or ()}
    ready = "Ready" if condition is not None and condition.status == "True" else "NotReady"
    return {
        "context": cluster.context,
        "cluster": cluster.name,
        "name": node.name,
        "ready": ready + (", cordoned" if node.spec.unschedulable else ""),
        "reason": condition.message if condition is not None and ready != "Ready" else "",
        "pod_cidr": node.spec.pod_cidr,
        "internal_ip": addresses.get("InternalIP", ""),
        "kubelet": node.status.node_info.kubelet_version,
        "created": node.metadata.creation_timestamp,
    }
