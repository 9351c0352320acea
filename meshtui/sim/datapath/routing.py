"""Which backend a new connection gets: Cilium's selection for global services, written from its source's rules."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from meshtui.sim.datapath.exports import Backend, affinity, imports, is_global, local_backends
from meshtui.sim.datapath.view import View
from meshtui.sim.world import World

Object = dict[str, Any]
STICKY_SECONDS = 10800.0


Address = tuple[str, int]


def selected(world: World, client: View, service: Object, port: Object, node: str = "") -> list[Backend]:
    """Backends the agents of `client`'s cluster load for one port of a Service, sorted by address.

    `node`: whose agent; with internalTrafficPolicy Local it keeps no other node's backends, but those of other
    clusters, which have no node (pkg/loadbalancer/writer/writer.go).
    """
    meta, spec = service["metadata"], service["spec"]
    key = (meta["namespace"], meta["name"])
    here = list({(b.ip, b.port): b for b in local_backends(client, *key) if _fits(b, service, port)}.values())
    if node and spec.get("internalTrafficPolicy") == "Local":
        here = [b for b in here if b.node in ("", node)]
    if not is_global(service) or client.id == 0 or _headless(service):
        return sorted(here, key=_order)
    there: dict[Address, Backend] = {}
    known = imports(world)
    for remote in client.remotes():
        for backend in known.of(world, client.name, remote, key) or ():
            if _fits(backend, service, port):
                there[(backend.ip, backend.port)] = backend
    for backend in here:
        there.pop((backend.ip, backend.port), None)
    return sorted(_preferred(affinity(service, client.version), here, list(there.values())), key=_order)


def _preferred(wanted: str, here: list[Backend], there: list[Backend]) -> list[Backend]:
    """Affinity (pkg/clustermesh/loadbalancer/selectbackends.go); all or nothing, and not symmetric.

    `local` falls back when nothing here is active, `remote` when nothing there is even terminating.
    """
    if wanted == "broken":
        return here
    if wanted == "local":
        return here if any(not b.terminating for b in here) else here + there
    if wanted == "remote":
        return there or here
    return here + there


def active(backends: list[Backend]) -> list[Backend]:
    """The slots the datapath draws from: active ones, or terminating ones if there is no active one."""
    return [b for b in backends if not b.terminating] or backends


@dataclass
class Affinities:
    """Which backend a client of a `sessionAffinity: ClientIP` service stays with."""

    held: dict[tuple[str, str, int], tuple[Backend, float]] = field(default_factory=dict)

    def choose(
        self, service: Object, client_ip: str, backends: list[Backend], rng: random.Random, now: float
    ) -> Backend | None:
        """The backend of a new connection: uniformly random (bpf-lb-algorithm random), or the one held."""
        slots = active(backends)
        if not slots:
            return None
        spec = service["spec"]
        if spec.get("sessionAffinity") != "ClientIP":
            return rng.choice(slots)
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        limit = float(config.get("timeoutSeconds", STICKY_SECONDS))
        key = (client_ip, service["metadata"]["uid"], slots[0].port)
        kept = self.held.get(key)
        if kept is None or kept[0] not in slots or now - kept[1] > limit:
            kept = (rng.choice(slots), now)
        self.held[key] = (kept[0], now)
        return kept[0]


def _fits(backend: Backend, service: Object, port: Object) -> bool:
    """Protocol, IP family and port name must agree; a side without a name fits every name. Numbers may differ."""
    if backend.protocol != port.get("protocol", "TCP") or (":" in backend.ip) != _is_v6(service):
        return False
    wanted = port.get("name") or ""
    return not wanted or not backend.port_name or wanted == backend.port_name


def _is_v6(service: Object) -> bool:
    spec = service["spec"]
    families = spec.get("ipFamilies")
    return families[0] == "IPv6" if families else ":" in spec.get("clusterIP", "")


def _headless(service: Object) -> bool:
    return str(service["spec"].get("clusterIP", "")) in ("None", "")


def _order(backend: Backend) -> tuple[bool, tuple[int, ...], int]:
    parts = tuple(int(p) for p in backend.ip.split(".")) if backend.ip.count(".") == 3 else ()
    return backend.terminating, parts, backend.port
