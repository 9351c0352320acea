"""Settings that must match between two clusters of a mesh, and do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network

from msgspec import Struct

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster


class _Setting(Struct, frozen=True):
    """One thing that both clusters must have alike."""

    kind: Kind
    severity: Severity
    name: str
    read: Callable[[CiliumConfig], str]
    sentence: str
    advice: str


def _tunnel(config: CiliumConfig) -> str:
    """Protocol and port of the overlay; `native` without one (cilium pkg/datapath/tunnel)."""
    if config.data.get("routing-mode", "tunnel") == "native":
        return "native routing"
    protocol = config.data.get("tunnel-protocol") or "vxlan"
    port = config.data.get("tunnel-port") or ("6081" if protocol == "geneve" else "8472")
    return f"{protocol}, UDP {port}"


def _encryption(config: CiliumConfig) -> str:
    """Which encryption between nodes is on."""
    modes = (("enable-ipsec", "IPsec"), ("enable-wireguard", "WireGuard"))
    return ", ".join(word for key, word in modes if config.data.get(key) == "true") or "off"


_SETTINGS = (
    _Setting(
        Kind.MAX_CLUSTERS_DIFFER,
        Severity.ERROR,
        "max-connected-clusters",
        lambda config: config.data.get("max-connected-clusters", "255"),
        "{one} and {other} have different max-connected-clusters, so identities are read differently",
        "install both with the same clustermesh.maxConnectedClusters; it cannot be changed on a running cluster",
    ),
    _Setting(
        Kind.TUNNEL_DIFFERS,
        Severity.ERROR,
        "tunnel",
        _tunnel,
        "{one} and {other} carry pod traffic differently, so no pod of one reaches a pod of the other",
        "set the same routingMode, tunnelProtocol and tunnelPort in both clusters' Helm values",
    ),
    _Setting(
        Kind.ENCRYPTION_DIFFERS,
        Severity.ERROR,
        "encryption",
        _encryption,
        "{one} and {other} encrypt differently, so packets between them are lost or go unencrypted",
        "set the same encryption in both clusters' Helm values",
    ),
    _Setting(
        Kind.NAMESPACE_DEFAULT_DIFFERS,
        Severity.WARNING,
        "clustermesh-default-global-namespace",
        lambda config: str(config.default_global_namespace).lower(),
        "a namespace without annotation is exported by one of {one} and {other} and not by the other",
        "set the same clustermesh.defaultGlobalNamespace in both clusters' Helm values",
    ),
    _Setting(
        Kind.CACHE_TTL_DIFFERS,
        Severity.INFO,
        "clustermesh-cache-ttl",
        lambda config: config.data.get("clustermesh-cache-ttl", "0s"),
        "{one} and {other} keep what they last heard of a lost cluster for different times",
        "set the same clustermesh.cacheTTL in both clusters' Helm values",
    ),
)


def pair(one: Cluster, other: Cluster, mine: Networks, others: Networks) -> Iterator[Finding]:
    """What must be alike, or must differ, between two clusters of one mesh; `mine`, `others`: their pod networks."""
    a, b = one.config, other.config
    if a is None or b is None:
        return
    where = (one.context, other.context)
    if a.name == b.name or (a.id and a.id == b.id):
        # Before they are meshed that is how every cluster begins: a fault it is once one of them has an id.
        meshed = bool(a.id or b.id)
        begun = "must have different names and ids" if meshed else "have the same name, so no mesh can join them yet"
        yield Finding(
            Kind.SAME_CLUSTER_ID,
            Severity.ERROR if meshed else Severity.WARNING,
            where,
            one.name,
            f"{one.context} and {other.context} {begun}",
            (f"{one.context}: {a.name} id {a.id}", f"{other.context}: {b.name} id {b.id}"),
            advice="give each its own cluster.name and cluster.id; changing them means restarting all workloads",
        )
    for setting in _SETTINGS:
        yield from _differs(setting, one, other)
    if not (a.id and b.id):
        return
    yield from _scope(one, other)
    yield from _skew(one, other)
    yield from _overlap(one, other, mine, others)


def _differs(setting: _Setting, one: Cluster, other: Cluster) -> Iterator[Finding]:
    values = [(c.name, setting.read(c.config)) for c in (one, other) if c.config is not None]
    if len({value for _, value in values}) < 2 or not (one.id and other.id):
        return
    yield Finding(
        setting.kind,
        setting.severity,
        (one.context, other.context),
        one.name,
        setting.sentence.format(one=one.name, other=other.name),
        tuple(f"{name}: {setting.name}={value}" for name, value in values),
        advice=setting.advice,
    )


def _scope(one: Cluster, other: Cluster) -> Iterator[Finding]:
    scopes = [(c.name, c.config.policy_default_local_cluster) for c in (one, other) if c.config is not None]
    if scopes[0][1] == scopes[1][1]:
        return
    yield Finding(
        Kind.POLICY_SCOPE_DIFFERS,
        Severity.WARNING,
        (one.context, other.context),
        one.name,
        f"one policy means different things in {one.name} and {other.name}: "
        "a selector without cluster label means the local cluster in one and any cluster in the other",
        tuple(f"{name}: policy-default-local-cluster={str(scope).lower()}" for name, scope in scopes),
        advice="set the same clustermesh.policyDefaultLocalCluster in both clusters' Helm values",
    )


def _skew(one: Cluster, other: Cluster) -> Iterator[Finding]:
    versions = [(c.name, c.config.version) for c in (one, other) if c.config is not None]
    a, b = versions[0][1], versions[1][1]
    if (0, 0) in (a, b) or (a[0] == b[0] and abs(a[1] - b[1]) <= 1):
        return
    yield Finding(
        Kind.VERSION_SKEW,
        Severity.WARNING,
        (one.context, other.context),
        one.name,
        f"{one.name} and {other.name} are more than one minor version of Cilium apart",
        tuple(f"{name}: Cilium {version[0]}.{version[1]}" for name, version in versions),
        advice="bring the older one to within one minor version of the other",
    )


class Network(Struct, frozen=True):
    """One node's pod network: IP version, first and last address as numbers."""

    node: str
    cidr: str
    version: int
    first: int
    last: int


Networks = tuple[Network, ...]


def networks_of(cluster: Cluster) -> Networks:
    """The pod networks of a cluster's nodes, by node; those of a cluster with other IPAM may be in nobody's Node."""
    found = []
    for name, node in sorted(cluster.nodes.items()):
        if node.spec.pod_cidr:
            try:
                network = ip_network(node.spec.pod_cidr, strict=False)
            except ValueError:
                continue
            first, last = int(network.network_address), int(network.broadcast_address)
            found.append(Network(name, node.spec.pod_cidr, network.version, first, last))
    return tuple(found)


def _overlap(one: Cluster, other: Cluster, mine: Networks, others: Networks) -> Iterator[Finding]:
    """The first two nodes whose pods may have the same addresses."""
    if not _any_overlap(mine, others):
        return
    a, b = next((a, b) for a in mine for b in others if _touch(a, b))
    yield Finding(
        Kind.CIDRS_OVERLAP,
        Severity.ERROR,
        (one.context, other.context),
        one.name,
        f"pods of {one.name} and {other.name} may have the same addresses: {a.cidr} and {b.cidr} overlap",
        (f"{one.name}/{a.node}: {a.cidr}", f"{other.name}/{b.node}: {b.cidr}"),
        advice="give each cluster its own pod network; it cannot be changed on a running cluster",
    )


def _any_overlap(mine: Networks, others: Networks) -> bool:
    """By one walk over both in the order of their addresses: each side's last address so far is all that counts."""
    edges = sorted((n.version, n.first, n.last, side) for side, part in enumerate((mine, others)) for n in part)
    reach: list[tuple[int, int]] = [(0, -1), (0, -1)]
    for version, first, last, side in edges:
        if reach[1 - side] >= (version, first):
            return True
        reach[side] = max(reach[side], (version, last))
    return False


def _touch(a: Network, b: Network) -> bool:
    return a.version == b.version and a.first <= b.last and b.first <= a.last
