"""`troubleshoot` of agents and of KVStoreMesh: a new connection to each etcd, step by step."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from meshtui.sim import clustermesh
from meshtui.sim.clustermesh import Hurdle
from meshtui.sim.datapath.view import view
from meshtui.sim.world import SimCluster, World

ETCD_VERSION = "3.6.8"
NO_KVSTORE = """Unable to read etcd configuration: /var/lib/etcd-config/etcd.config
This is expected when Cilium is running in CRD mode
"""
_BEFORE_TLS = ("timeout", "refused", "no-route")
_NEVER_CONNECTED = ("refused", "unknown-authority", "client-authority", "expired")
"""Hurdles at which the client fails at once and says so; at others it waits for its first answer in vain."""


def of_agent(world: World, cluster: SimCluster, names: Iterable[str] = ()) -> str:
    """What an agent finds on its way to its own cluster's clustermesh-apiserver, for each remote cluster."""
    service = view(cluster).service("kube-system", "clustermesh-apiserver") or {"spec": {}}
    ip = str(service["spec"].get("clusterIP", ""))
    found = clustermesh.own_hurdle(cluster, world.faults)
    host = "clustermesh-apiserver.kube-system.svc"
    return _all(
        cluster,
        [
            _section(world, cluster, r, _Way(host, ip, 2379), found, cluster.name, "local")
            for r in _remotes(cluster, names)
        ],
    )


def of_kvstoremesh(world: World, cluster: SimCluster, names: Iterable[str] = ()) -> str:
    """What KVStoreMesh finds on its way to each remote cluster's etcd."""
    sections = []
    for remote in _remotes(cluster, names):
        other = world.clusters[remote]
        found = clustermesh.hurdle(world, cluster, other, world.faults)
        ip = view(other).internal_ip(clustermesh.first_node(other).node)
        way = (
            _Way(found.address, found.address, 32379) if found.address else _Way(f"{remote}.mesh.cilium.io", ip, 32379)
        )
        sections.append(_section(world, cluster, remote, way, found, remote, "remote"))
    return _all(cluster, sections)


def _remotes(cluster: SimCluster, names: Iterable[str]) -> list[str]:
    wanted = set(names)
    return [r for r in sorted(view(cluster).remotes()) if not wanted or r in wanted]


class _Way:
    """Host, address and port that are dialled."""

    def __init__(self, host: str, ip: str, port: int) -> None:
        self.host, self.ip, self.port = host, ip, port


def _all(cluster: SimCluster, sections: list[str]) -> str:
    return f"Found {len(view(cluster).remotes())} cluster configurations\n" + "".join(f"\n{s}" for s in sections)


def _section(world: World, cluster: SimCluster, remote: str, way: _Way, found: Hurdle, server: str, client: str) -> str:
    lines = [
        f'Cluster "{remote}":',
        f"📄 Configuration path: /var/lib/cilium/clustermesh/{remote}",
        "",
        "🔌 Endpoints:",
    ]
    lines.append(f"   - https://{way.host}:{way.port}")
    lines += [f"     {line}" for line in _steps(world, cluster, way, found)]
    lines += ["", "🔑 Digital certificates:", "   ✅ TLS Root CA certificates:"]
    authorities = [cluster.name] if world.faults.distrusts(cluster.name) else list(world.clusters)
    for name in authorities:
        lines += _certificate(world, f"ca/{name}", "Cilium CA")
    lines.append("   ✅ TLS client certificates:")
    subject = f"local-{cluster.name}" if client == "local" else "remote"
    lines += _certificate(world, f"{client}/{cluster.name}", subject)
    lines += ["", "⚙️ Etcd client:", *(f"   {line}" for line in _client(server, found))]
    return "\n".join(lines) + "\n"


def _steps(world: World, cluster: SimCluster, way: _Way, found: Hurdle) -> list[str]:
    """Name, TCP, TLS, authentication and version, up to where it ends."""
    host, dialled = f"{way.host}:{way.port}", f"{way.ip}:{way.port}"
    lines = [] if way.host == way.ip else [f"✅ Hostname resolved to: {way.ip}"]
    words = {
        "timeout": "i/o timeout",
        "refused": "connect: connection refused",
        "no-route": "connect: no route to host",
    }
    if found.kind in _BEFORE_TLS:
        return [*lines, f"❌ Cannot establish TCP connection to {host}: dial tcp {dialled}: {words[found.kind]}"]
    lines.append(f"✅ TCP connection successfully established to {dialled}")
    if found.kind in ("tls-timeout", "unknown-authority", "expired"):
        return [*lines, f"❌ Cannot establish TLS connection to {host}: {_tls(world, found.kind)}"]
    lines.append(f"✅ TLS connection successfully established to {dialled}")
    lines.append("ℹ️  Negotiated TLS version: TLS 1.3, ciphersuite TLS_AES_128_GCM_SHA256")
    if found.kind == "client-authority":
        return [*lines, "❌ TLS client authentication failed: remote error: tls: unknown certificate authority"]
    if found.kind == "lost":
        source = next(iter(view(cluster).pod_by_ip), "")
        return [*lines, f"❌ Failed to retrieve GET /version answer: read tcp {source}:40570->{dialled}: i/o timeout"]
    return [*lines, f"ℹ️  Etcd server version: {ETCD_VERSION}"]


def _tls(world: World, kind: str) -> str:
    if kind == "tls-timeout":
        return "context deadline exceeded"
    failed = "tls: failed to verify certificate: x509: certificate"
    if kind == "unknown-authority":
        return (
            f'{failed} signed by unknown authority (possibly because of "crypto/rsa: verification error" while '
            'trying to verify candidate authority certificate "Cilium CA")'
        )
    now = datetime.fromtimestamp(world.clock.now(), UTC)
    ended = (now - timedelta(hours=1)).replace(minute=0, second=0)
    times = f"current time {now:%Y-%m-%dT%H:%M:%SZ} is after {ended:%Y-%m-%dT%H:%M:%SZ}"
    return f"{failed} has expired or is not yet valid: {times}"


def _client(server: str, found: Hurdle) -> list[str]:
    if not found.kind:
        number = f"{zlib.crc32(f'{server}-etcd'.encode()):08x}{zlib.adler32(server.encode()):08x}"
        return ["✅ Etcd connection successfully established", f"ℹ️  Etcd cluster ID: {number}"]
    if found.kind in _NEVER_CONNECTED:
        return ["❌ Failed to establish connection: context deadline exceeded"]
    return ["❌ Failed to retrieve key from etcd: context deadline exceeded"]


def _certificate(world: World, name: str, subject: str) -> list[str]:
    """A certificate as it is listed; its number is made up and stays the same."""
    digits = "".join(f"{zlib.crc32(f'{name}/{n}'.encode()):08x}" for n in range(4))
    start = datetime.fromtimestamp(world.clock.now() - world.clock.monotonic() - 3600, UTC)
    serial = ":".join(digits[n : n + 2] for n in range(0, 32, 2))
    return [
        f"      - Serial number:       {serial}",
        f"        Subject:             CN={subject}",
        "        Issuer:              CN=Cilium CA",
        "        Validity:",
        f"          Not before:  {start:%Y-%m-%d %H:%M:%S +0000 UTC}",
        f"          Not after:   {start + timedelta(days=1094):%Y-%m-%d %H:%M:%S +0000 UTC}",
    ]
