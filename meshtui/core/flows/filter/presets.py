"""Filters on keys, and noise that can be hidden."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from meshtui.core.model.identity import HEALTH, HOST, KUBE_APISERVER, REMOTE_NODE

PRESETS = MappingProxyType(
    {
        "dropped": "verdict:DROPPED",
        "all": "",
        "l7": "type:l7",
        "dns": "port:53",
        "cross-cluster": "cross-cluster:yes",
    }
)
"""Name → filter text. The sixth, this service only, is `service_text`."""

CHATTER = "chatter"
"""Router solicitations and other multicast of IPv6 that pods send and no cluster without IPv6 takes: of no meaning."""
_NODES = (HOST, REMOTE_NODE, KUBE_APISERVER)
NOISE: Mapping[str, tuple[Mapping[str, Any], ...]] = MappingProxyType(
    {
        "probes": (
            {"source_identity": [HOST], "destination_label": ["io.kubernetes.pod.namespace"]},
            {"destination_identity": [HOST], "reply": [True]},
            {"source_identity": [HEALTH]},
            {"destination_identity": [HEALTH]},
        ),
        "host": ({"source_identity": list(_NODES)}, {"destination_identity": list(_NODES)}),
        CHATTER: (
            {"protocol": ["icmpv6"], "destination_ip": ["ff00::/8"], "drop_reason_desc": ["UNSUPPORTED_L3_PROTOCOL"]},
        ),
        "kube-dns": ({"source_label": ["k8s-app=kube-dns"]}, {"destination_label": ["k8s-app=kube-dns"]}),
    }
)
"""Name → FlowFilters that exclude it: kubelet's and cilium-health's probes, nodes' own traffic, cluster DNS,
and what every cluster drops."""


def service_text(namespace: str, name: str, selector: Mapping[str, str]) -> str:
    """A filter for the traffic of one service, from or to its pods in any cluster.

    Flows between pods name the chosen backend and not the service, so its selector is what tells.
    """
    if not selector:
        return f"service:{namespace}/{name}"
    clauses = [f"{key}={value}" for key, value in sorted(selector.items())]
    return "label:" + ",".join([f"io.kubernetes.pod.namespace={namespace}", *clauses])


def with_preset(name: str, text: str) -> str:
    """The preset's text, with what `text` hides kept. Raises KeyError for an unknown preset."""
    hidden = [word for word in text.split() if word.startswith("hide:")]
    return " ".join([*filter(None, [PRESETS[name]]), *hidden])
