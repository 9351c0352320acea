"""The lab's network policies: nothing may talk, then x-wing may reach rebel-base, step by step."""

from __future__ import annotations

from typing import Any

_CLUSTER = "io.cilium.k8s.policy.cluster"


def policies(client: str, namespace: str = "default") -> dict[str, dict[str, Any]]:
    """Title → CiliumNetworkPolicy manifest; `client` is the Cilium name of the cluster whose x-wing may pass."""
    x_wing = {"name": "x-wing", _CLUSTER: client}
    rebel_base = {"matchLabels": {"name": "rebel-base"}}
    any_cluster = {**rebel_base, "matchExpressions": [{"key": _CLUSTER, "operator": "Exists"}]}
    return {
        "default-deny": _manifest(namespace, "default-deny", _default_deny()),
        "x-wing-to-rebel-base": _manifest(
            namespace,
            "x-wing-to-rebel-base",
            {
                "description": f"Allow x-wing in {client} to contact rebel-base in its own cluster",
                "endpointSelector": {"matchLabels": x_wing},
                "egress": [{"toEndpoints": [rebel_base]}],
            },
        ),
        "x-wing-to-rebel-base, any cluster": _manifest(
            namespace,
            "x-wing-to-rebel-base",
            {
                "description": f"Allow x-wing in {client} to contact rebel-base in every meshed cluster",
                "endpointSelector": {"matchLabels": x_wing},
                "egress": [{"toEndpoints": [any_cluster]}],
            },
        ),
        "rebel-base-from-x-wing": _manifest(
            namespace,
            "rebel-base-from-x-wing",
            {
                "description": f"Allow rebel-base to be contacted by {client}'s x-wing",
                "endpointSelector": rebel_base,
                "ingress": [{"fromEndpoints": [{"matchLabels": x_wing}]}],
            },
        ),
    }


def _default_deny() -> dict[str, Any]:
    dns = {"io.kubernetes.pod.namespace": "kube-system", "k8s-app": "kube-dns"}
    ports = {"ports": [{"port": "53", "protocol": "UDP"}], "rules": {"dns": [{"matchPattern": "*"}]}}
    return {
        "description": "Nothing in this namespace may talk to anything but DNS",
        "endpointSelector": {},
        "ingress": [{}],
        "egress": [{"toEndpoints": [{"matchLabels": dns}], "toPorts": [ports]}],
    }


def _manifest(namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
