"""The connections to etcd that a mesh is made of: KVStoreMesh to the other clusters', agents to their own cluster's.

Times are as recorded on a real mesh (Cilium 1.20): a connection that went silent, or whose server is gone, goes on
saying that it is connected until two minutes after the last heartbeat it read, which is written once a minute.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshtui.sim.datapath.exports import Snapshot, imports
from meshtui.sim.datapath.view import PODS, view
from meshtui.sim.faults.active import BIG, ETCD_PORT, Broken, Place
from meshtui.sim.faults.timeline import Span
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
HEARTBEAT, PATIENCE = 60.0, 120.0
"""Seconds between two heartbeats, and after the last one until a connection is given up."""
SECRET_SYNC = 45.0
"""Seconds until a kubelet shows a container a Secret that was changed."""
ROLLOUT = 12.0
"""Seconds until a restarted clustermesh-apiserver is the one that answers."""
AGENTS_NOTICE = 27.0
"""Seconds after such a restart until agents have lost the old one and are connected to the new."""
RECONNECT = 15.0
"""Seconds until a lost connection is made again once the way is free."""
SLOW = 0.15
"""Extra seconds there and back with which `kvstoremesh-dbg troubleshoot` no longer gets its key from etcd in time."""
CONNECTED, WAITING, UNCONFIGURED = "connected", "waiting", "unconfigured"


@dataclass(frozen=True)
class Hurdle:
    """What a new connection meets: nothing (`kind` empty) or what ends it."""

    kind: str = ""
    """timeout, refused, no-route, tls-timeout, unknown-authority, expired, client-authority, slow, lost."""
    address: str = ""
    """Where it looked, when that is not where the other is."""


@dataclass(frozen=True)
class Connection:
    """How one connection says that it is."""

    phase: str = CONNECTED
    """CONNECTED, WAITING (for an initial connection) or UNCONFIGURED (connected, but nobody wrote what is there)."""
    failures: int = 0
    failed: float | None = None
    """Monotonic seconds of the last failure."""
    counts: bool = True
    """Whether it still has what it once heard."""
    since: float = 0.0
    """Monotonic seconds since when it is in that phase; for CONNECTED without meaning."""


def place_of(cluster: SimCluster, label: str = "clustermesh-apiserver") -> Place:
    """The node a kube-system component of `k8s-app` label runs on; the first node where nobody runs it."""
    for pod in cluster.store.list(PODS, "kube-system"):
        labels = pod["metadata"].get("labels") or {}
        if label in (labels.get("k8s-app"), labels.get("app.kubernetes.io/name")):
            return Place(cluster.name, str(pod["spec"].get("nodeName", "")))
    return first_node(cluster)


def first_node(cluster: SimCluster) -> Place:
    """The node whose address the other clusters are given."""
    nodes = view(cluster).nodes()
    return Place(cluster.name, next((n for n in nodes if n.endswith("control-plane")), nodes[0] if nodes else ""))


def gone(cluster: SimCluster) -> Callable[[Broken], bool]:
    """Whether nobody serves a cluster's etcd: scaled to 0, or on a dead node."""
    where = place_of(cluster)
    return lambda broken: broken.mesh_server_down(cluster.name) or broken.node_down(where.cluster, where.node)


def hurdle(world: World, reader: SimCluster, source: SimCluster, broken: Broken) -> Hurdle:
    """What a new connection of one cluster's KVStoreMesh to another's etcd meets."""
    wrong = broken.wrong_address(reader.name, source.name)
    if wrong:
        return Hurdle("no-route", wrong)
    here, there = place_of(reader), first_node(source)
    if not broken.round_trip(here, there, ETCD_PORT):
        return Hurdle("timeout")
    if gone(source)(broken):
        return Hurdle("refused" if broken.mesh_server_down(source.name) else "timeout")
    if not broken.round_trip(here, there, ETCD_PORT, BIG):
        return Hurdle("tls-timeout")
    # Go looks at a certificate's dates before it looks for who signed it (crypto/x509, Certificate.Verify).
    if broken.expired(source.name):
        return Hurdle("expired")
    if broken.distrusts(reader.name):
        return Hurdle("unknown-authority")
    if broken.distrusts(source.name):
        return Hurdle("client-authority")
    if broken.trip(reader.name, source.name) >= SLOW:
        return Hurdle("slow")
    # One of the two recorded tries under a loss of 25 % came through.
    chance = 1 - (1 - broken.loss(reader.name, source.name)) ** 2
    drawn = zlib.crc32(f"{reader.name}/{source.name}/{int(world.clock.now() // 30)}".encode()) / 2**32
    return Hurdle("lost") if drawn < chance else Hurdle()


def own_hurdle(cluster: SimCluster, broken: Broken) -> Hurdle:
    """What a new connection of an agent to its own cluster's clustermesh-apiserver meets."""
    if gone(cluster)(broken):
        return Hurdle("refused" if broken.mesh_server_down(cluster.name) else "timeout")
    return Hurdle("expired") if broken.expired(cluster.name) else Hurdle()


def severed(reader: SimCluster, source: SimCluster) -> Callable[[Broken], bool]:
    """Whether an established connection of KVStoreMesh hears nothing more.

    `control-plane-only` is not among what cuts it, nor a cut made on one cluster's nodes: recorded, it went on.
    """
    here, there, nobody = place_of(reader), first_node(source), gone(source)

    def ask(broken: Broken) -> bool:
        if nobody(broken) or broken.distrusts(source.name) or broken.expired(source.name):
            return True
        lasting = Broken(tuple(f for f in broken.held() if f.name != "control-plane-only" and not f.get("at")))
        return not lasting.round_trip(here, there, ETCD_PORT)

    return ask


def _given_up(start: float, who: str) -> float:
    """When a connection that broke at `start` is given up: PATIENCE after the last heartbeat before."""
    phase = zlib.crc32(who.encode()) % 1000 / 1000 * HEARTBEAT
    return start - (start - phase) % HEARTBEAT + PATIENCE


def _lost(spans: list[Span], who: str, now: float) -> Connection:
    """How a connection is that was cut during these spans."""
    failures, failed, waiting, since = 0, None, False, 0.0
    for span in spans:
        gone = _given_up(span.start, who)
        if gone > now or (span.end is not None and gone > span.end):
            continue
        failures, failed = failures + 1, gone
        waiting, since = span.end is None or now < span.end + RECONNECT, gone
    return Connection(WAITING if waiting else CONNECTED, failures, failed, since=since)


def kvstoremesh(world: World, reader: SimCluster, source: SimCluster) -> Connection:
    """How a cluster's KVStoreMesh says that it is connected to another's etcd."""
    now, faults = world.clock.monotonic(), world.faults
    for span in faults.spans(lambda b: b.distrusts(reader.name)):
        if now >= span.start + ROLLOUT and (span.end is None or now < span.end + ROLLOUT):
            return Connection(WAITING, counts=False, since=span.start + ROLLOUT)
    heard = _lost(faults.spans(severed(reader, source)), f"kvstoremesh/{reader.name}/{source.name}", now)
    for span in faults.spans(lambda b: bool(b.wrong_address(reader.name, source.name))):
        if now >= span.start + SECRET_SYNC and (span.end is None or now < span.end + SECRET_SYNC):
            return Connection(WAITING, heard.failures, heard.failed, since=span.start + SECRET_SYNC)
    return heard


def agent(world: World, cluster: SimCluster, node: str, remote: str) -> Connection:
    """How a node's agent says that it is connected to what its own cluster keeps of another."""
    now, faults = world.clock.monotonic(), world.faults
    nobody = gone(cluster)
    spans = faults.spans(lambda b: nobody(b) or b.expired(cluster.name))
    heard = _lost(spans, f"agent/{cluster.name}/{node}/{remote}", now)
    for span in faults.spans(lambda b: b.distrusts(cluster.name)):
        if now >= span.start + AGENTS_NOTICE and (span.end is None or now < span.end + AGENTS_NOTICE):
            failed = span.start + AGENTS_NOTICE
            return Connection(UNCONFIGURED, heard.failures + 1, failed, since=failed)
    return heard


def exchange(world: World) -> None:
    """Hold back news between clusters whose etcd cannot be heard, and let through what can be again."""
    faults = world.faults
    taken: dict[str, Snapshot] = {}
    for reader in world.clusters.values():
        for source in world.clusters.values():
            if reader is source:
                continue
            silent = (
                severed(reader, source)(faults)
                or any(
                    f.between(reader.name, source.name)
                    for f in (*faults.of("link-cut"), *faults.of("control-plane-only"))
                )
                or faults.kvstoremesh_down(reader.name)
                or faults.distrusts(reader.name)
                or bool(faults.wrong_address(reader.name, source.name))
                or faults.api_down(source.name)
            )
            if silent:
                imports(world).freeze(world, reader.name, source.name, taken)
            else:
                imports(world).thaw(reader.name, source.name)
