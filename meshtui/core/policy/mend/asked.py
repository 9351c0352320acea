"""What is to be mended, from what a person points at: a flow, many flows, a service and its client."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.model.state import Mesh
from meshtui.core.policy.effects import connections_to
from meshtui.core.policy.explain import AUTH_REQUIRED, DEFAULT_DENIED, DENIED
from meshtui.core.policy.mend.model import Wanted, unique
from meshtui.core.policy.model import PodRef
from meshtui.core.policy.parties import of_flow, of_pod
from meshtui.core.policy.ports import ICMP

DNS = ("UDP", 53)
_DNS_LABEL, _DNS_VALUE = "k8s-app", "kube-dns"
_PROTOCOLS = ("TCP", "UDP", "SCTP")


def wanted_of_row(mesh: Mesh, row: FlowRow) -> Wanted | None:
    """The connection a flow belongs to, the right way round; None for what has no addresses or no port."""
    if row.protocol not in (*_PROTOCOLS, *ICMP):
        return None
    source = of_flow(mesh, row.source, row.source_ip, row)
    destination = of_flow(mesh, row.destination, row.destination_ip, row)
    port = row.destination_port
    if row.is_reply:
        source, destination, port = destination, source, row.source_port
    if row.protocol in ICMP:
        port = max(0, row.icmp_type)
    return Wanted(source, destination, row.protocol, port)


def is_policy_drop(row: FlowRow) -> bool:
    """Whether a policy dropped a flow, and not one of its L7 rules."""
    return row.verdict == Verdict.DROPPED and row.drop_reason in (DEFAULT_DENIED, DENIED, AUTH_REQUIRED) and not row.l7


def wanted_of_rows(mesh: Mesh, rows: Iterable[FlowRow]) -> tuple[Wanted, ...]:
    """The connections of all drops among flows that policies made, each once."""
    found = (wanted_of_row(mesh, row) for row in rows if is_policy_drop(row))
    return unique(each for each in found if each is not None)


def wanted_of_service(mesh: Mesh, client: PodRef, key: str) -> tuple[Wanted, ...]:
    """What a client needs for a service: its cluster's DNS, and every backend that requests can go to."""
    source = of_pod(mesh, client)
    found = []
    for pod in mesh.clusters[client.context].pods.values():
        if pod.labels.get(_DNS_LABEL) == _DNS_VALUE and not pod.spec.host_network:
            server = of_pod(mesh, PodRef(client.context, pod.namespace, pod.name))
            found.append(Wanted(source, server, *DNS))
    for each in connections_to(mesh, client, key):
        try:
            found.append(Wanted(source, of_pod(mesh, each.destination), each.protocol, each.port))
        except KeyError:
            continue  # its cluster's pods are not known here
    return unique(found)
