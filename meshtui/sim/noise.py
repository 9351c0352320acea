"""Router solicitations: pods ask for IPv6 routers, and Cilium drops that. Every real cluster is full of it."""

from __future__ import annotations

import zlib

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.datapath import events
from meshtui.sim.datapath.emit import record
from meshtui.sim.datapath.events import Observer
from meshtui.sim.datapath.identity import of_pod
from meshtui.sim.datapath.view import view
from meshtui.sim.relay.ring import Template
from meshtui.sim.world import SimCluster, World

EVERY = 60.0
"""Seconds between two of one pod's."""
SOLICITATION = 133
"""ICMPv6 type."""
DROP_LINE = 1465


class Solicitations:
    """The solicitations of one cluster's pods while `router-solicitations` lasts."""

    def __init__(self, world: World, cluster: SimCluster) -> None:
        self._world = world
        self._cluster = cluster
        self._due: dict[str, float] = {}

    def tick(self) -> None:
        """Send those that are due."""
        if not self._world.faults.noise(self._cluster.name):
            self._due.clear()
            return
        known, now = view(self._cluster), self._world.clock.monotonic()
        for address, pod in list(known.pod_by_ip.items()):
            first = now + zlib.crc32(address.encode()) % 1000 / 1000 * EVERY
            due = self._due.setdefault(address, first)
            if due <= now:
                self._due[address] = due + EVERY
                node = str(pod["spec"].get("nodeName", ""))
                flow = _dropped(Observer(known, node), pod)
                record(self._world, self._cluster, node, flow, self._world.clock.now())


def _dropped(observer: Observer, pod: dict[str, object]) -> Template:
    """As an agent of a cluster without IPv6 tells of it: two addresses that it knows nobody by."""
    party = of_pod(observer.known, pod)
    flow = pb.Flow(Type=pb.L3_L4, node_name=observer.name, verdict=pb.DROPPED, traffic_direction=pb.INGRESS)
    tag = zlib.crc32(party.pod.encode())
    flow.IP.source, flow.IP.destination, flow.IP.ipVersion = (
        f"fe80::{tag >> 16:x}:{tag >> 8 & 255:x}ff:fe{tag & 255:02x}:{tag & 0xFFFF:x}",
        "ff02::2",
        pb.IPv6,
    )
    flow.l4.ICMPv6.type = SOLICITATION
    flow.event_type.type, flow.event_type.sub_type = events.DROP, pb.UNSUPPORTED_L3_PROTOCOL
    flow.drop_reason, flow.drop_reason_desc = pb.UNSUPPORTED_L3_PROTOCOL, pb.UNSUPPORTED_L3_PROTOCOL
    flow.source.labels.append("reserved:unknown")
    flow.destination.labels.append("reserved:unknown")
    flow.file.name, flow.file.line = "bpf_lxc.c", DROP_LINE
    flow.Summary = "ICMPv6 RouterSolicitation"
    return Template(flow)
