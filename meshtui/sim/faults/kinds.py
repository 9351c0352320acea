"""Every fault there is: what it does, what it takes, and how it is read from JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshtui.sim.faults.fault import Fault
from meshtui.sim.options import known

Object = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What a fault takes and does."""

    about: str
    """One sentence."""
    takes: tuple[str, ...]
    offers: tuple[Object, ...] = ({},)
    """Parameters worth trying, beside cluster and node: what a menu shows."""


LINK, WAY, ONE, NODE = ("between",), ("from", "to"), ("cluster",), ("cluster", "node")

KINDS: dict[str, Kind] = {
    # Between the clusters' nodes
    "link-cut": Kind(
        "No packet passes between clusters; `at` is the cluster on whose nodes they are dropped.", (*LINK, "at")
    ),
    "one-way-cut": Kind("No packet passes from a cluster to another; the other way they do.", WAY),
    "vxlan-only": Kind("The overlay between clusters is blocked (UDP 8472), all else passes.", LINK),
    "control-plane-only": Kind("The clusters' etcd cannot be reached anew (TCP 32379), requests pass.", LINK),
    "health-port-only": Kind("Only cilium-health's probes of nodes are blocked (TCP 4240, ICMP).", LINK),
    "mtu": Kind(
        "Packets over `bytes` are lost between clusters: small answers pass, large ones hang.", (*LINK, "bytes")
    ),
    "slow": Kind("Packets from a cluster to another take `ms` longer.", (*WAY, "ms"), ({"ms": 200},)),
    "link-slow": Kind("Packets between clusters take `ms` longer each way.", (*LINK, "ms"), ({"ms": 100}, {"ms": 900})),
    "lossy": Kind("`percent` of the packets between clusters are lost.", (*LINK, "percent"), ({"percent": 25},)),
    "loss": Kind("`percent` of all packets are lost.", ("cluster", "percent"), ({"percent": 20},)),
    # Components
    "apiserver-gone": Kind("A cluster's clustermesh-apiserver is scaled to 0.", ONE),
    "kvstoremesh-down": Kind("A cluster hears no news of the others.", ONE),
    "wrong-address": Kind(
        "A cluster's KVStoreMesh looks for another (`of`) at `address`, where nobody is.", ("cluster", "of", "address")
    ),
    "wrong-ca": Kind("A cluster's clustermesh-apiserver trusts no other cluster's authority, and was restarted.", ONE),
    "certificate-expired": Kind("The certificate of a cluster's clustermesh-apiserver has expired.", ONE),
    "relay-gone": Kind("A cluster's Hubble Relay is scaled to 0.", ONE),
    "agent-stopped": Kind("A node's agent hangs (SIGSTOP); its datapath lives on.", NODE),
    "agent-crashed": Kind("A node's agent is gone; its datapath lives on. Back, its ring is empty.", NODE),
    "node-down": Kind("A node is dead: NotReady after 48 s, its pods then out of every Service.", NODE),
    "dns-gone": Kind("A cluster's CoreDNS is scaled to 0: after 30 s no name is known.", ONE),
    "not-ready": Kind(
        "A workload's new pods never become ready (rebel-base unless named), the old ones are gone.",
        ("cluster", "namespace", "workload"),
    ),
    # API servers
    "api-frozen": Kind("A cluster's API server takes connections and does not answer.", ONE),
    "api-gone": Kind("A cluster's API server is gone.", ONE),
    "watch-expire": Kind("Every watch ends with 410 Gone, and again every two seconds.", ONE),
    "forbid": Kind(
        "The API server answers 403 to a verb, a resource, or both.",
        ("cluster", "verb", "resource"),
        ({"verb": "patch"}, {"resource": "pods/exec"}),
    ),
    "webhook-denies": Kind(
        "A webhook denies every write of a resource (policies unless named); with `dry` it lets dry runs pass.",
        ("cluster", "resource", "dry"),
        ({}, {"dry": "passes"}),
    ),
    "latency": Kind(
        "Everything takes `ms` longer on the API, the data path or both (`where`: api, data, all).",
        ("cluster", "ms", "where"),
        ({"ms": 300}, {"ms": 300, "where": "data"}),
    ),
    # What is observed
    "ring-overrun": Kind("A node's agent loses `percent` of its flow events.", (*NODE, "percent"), ({"percent": 80},)),
    "clock-skew": Kind("A node's clock is `seconds` ahead.", (*NODE, "seconds"), ({"seconds": 30},)),
    "router-solicitations": Kind(
        "Pods solicit IPv6 routers, which Cilium drops: the noise of every real cluster.", ONE
    ),
    "invalid-policy": Kind("A policy is there that the agent refuses.", ONE),
    "cilium-version": Kind(
        "Cilium is another version, with that version's rules.",
        ("cluster", "version"),
        ({"version": "1.17"}, {"version": "1.18"}, {"version": "1.19"}),
    ),
}
ALIASES = {"agent-down": "agent-crashed", "relay-down": "relay-gone", "api-down": "api-gone"}
"""Earlier names."""
_RANGES = (
    ("ms", 0, 600_000), ("percent", 0, 100), ("seconds", -1e6, 1e6), ("bytes", 68, 65_535),
)  # fmt: skip


def canonical(name: Any) -> str:
    """A fault's name, also by an earlier one. Raises ValueError on an unknown one."""
    found = ALIASES.get(str(name), str(name))
    if found not in KINDS:
        raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(KINDS))}")
    return found


def parse(spec: Object, clusters: tuple[str, ...]) -> Fault:
    """A fault from its JSON form. Raises ValueError with a sentence on anything unknown or out of range."""
    name = canonical(spec.get("fault"))
    values = {k: v for k, v in spec.items() if k != "fault" and v is not None}
    unknown = sorted(set(values) - set(KINDS[name].takes))
    if unknown:
        raise ValueError(f"{name} takes {', '.join(KINDS[name].takes) or 'no parameters'}; not {', '.join(unknown)}")
    for key in ("cluster", "between", "from", "to", "of", "at"):
        named = values.get(key) or ()
        for cluster in (named,) if isinstance(named, str) else named:
            if cluster not in clusters:
                raise ValueError(f"unknown cluster {cluster!r}; known: {', '.join(clusters)}")
    _numbers(values)
    if "between" in values:
        if len(values["between"]) != 2:
            raise ValueError("between takes two clusters")
        values["between"] = tuple(sorted(values["between"]))
    if name in ("one-way-cut", "slow") and not {"from", "to"} & set(values):
        values["from"] = clusters[0]
    if name == "cilium-version":
        try:
            known(str(values.get("version", "")))
        except ValueError:
            raise ValueError("cilium-version needs a version like 1.19") from None
    return Fault(name, tuple(sorted(values.items())))


def _numbers(values: Object) -> None:
    for key, low, high in _RANGES:
        if key in values:
            try:
                number = float(values[key])
            except (TypeError, ValueError):
                raise ValueError(f"{key} must be a number, not {values[key]!r}") from None
            if not low <= number <= high:
                raise ValueError(f"{key} must be between {low:g} and {high:g}")
            values[key] = number
