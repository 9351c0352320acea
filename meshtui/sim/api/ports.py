"""What listens on a pod's ports, as far as it is really served on this machine."""

from __future__ import annotations

import secrets

from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

RELAY_PORT = 4245


def target(cluster: SimCluster, pod: Object, port: int) -> tuple[str, int] | None:
    """Where a pod's port is really served on this machine, or None: connection refused."""
    labels = pod["metadata"].get("labels") or {}
    if labels.get("k8s-app") == "hubble-relay" and port == RELAY_PORT and cluster.relay_port:
        return "127.0.0.1", cluster.relay_port
    return None


def refusal(pod: Object, port: int) -> str:
    """What the error channel says about a port nobody listens on."""
    sandbox, namespace = secrets.token_hex(32), secrets.token_hex(4)
    uid = pod["metadata"]["uid"]
    return (
        f"error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in network namespace "
        f'"/var/run/netns/cni-{uid}": failed to connect to localhost:{port} inside namespace "{namespace}", '
        f"IPv4: dial tcp4 127.0.0.1:{port}: connect: connection refused IPv6 dial tcp6 [::1]:{port}: "
        "connect: connection refused "
    )
