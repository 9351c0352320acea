"""One connection asked for in words: who FROM and TO are, over which port, and what policies make of it."""

from __future__ import annotations

import re
from ipaddress import ip_address

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.errors import Forbidden, UsageError
from meshtui.core.flows.workload import workload_of_pod
from meshtui.core.model.objects import Pod
from meshtui.core.model.resources import POLICIES
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.policy import PolicyVerdict, outside
from meshtui.core.policy.explain import explain_verdict
from meshtui.core.policy.model import Party
from meshtui.core.policy.parties import party
from meshtui.core.reach.clients import is_ready
from meshtui.core.reach.decide import Reaches

_TARGET = re.compile(r"(?P<who>\[[0-9a-fA-F:.]+\]|[^:]+)(:(?P<port>[^/:]+)(/(?P<protocol>[A-Za-z0-9]+))?)?$")
_PROTOCOLS = ("TCP", "UDP", "SCTP")


class Checked(Struct, frozen=True):
    """One connection and its verdict. Text holds names as the clusters sent them."""

    source: str
    source_cluster: str
    destination: str
    destination_cluster: str
    protocol: str
    port: int
    """The destination's own."""
    verdict: PolicyVerdict | None
    """None where there is nobody to connect to."""
    why: str
    fix: str = ""
    unnamed: bool = False
    """The source cannot resolve the name that was asked for."""

    @property
    def word(self) -> str:
        """`allowed`, `denied` or `not known`."""
        if self.verdict is None:
            return "nobody"
        passes = False if self.unnamed else self.verdict.passes
        return {True: "allowed", False: "denied", None: "not known"}[passes]


def check(mesh: Mesh, source: str, target: str, namespace: str) -> list[Checked]:
    """The connections from a workload to a workload, a Service (one for each backend) or an address.

    `source`: CLUSTER/[NAMESPACE/]WORKLOAD or a pod's name. `target`: the same, or [NAMESPACE/]SERVICE as the source's
    cluster has it, or an address; then :PORT/PROTO, a Service's own port or the pod's. Raises UsageError for what is
    not in the mesh or not clear.
    """
    cluster, client = _workload(mesh, source, namespace)
    found = _TARGET.fullmatch(target)
    if found is None:
        raise UsageError(f"cannot read {target!r}", hint="TO is WHO, WHO:PORT or WHO:PORT/PROTO")
    who, protocol = found["who"], (found["protocol"] or "").upper()
    if protocol and protocol not in _PROTOCOLS:
        raise UsageError(f"no protocol {found['protocol']!r}", hint=f"one of {', '.join(_PROTOCOLS)}")
    asked = Reaches(mesh)
    origin = party(cluster, client)
    address = _address(who)
    if address:
        port = _number(found["port"], who)
        return [_checked(asked, origin, outside(address), protocol or "TCP", port)]
    if mesh.by_name(who.partition("/")[0]) is not None and "/" in who:
        there, pod = _workload(mesh, who, namespace)
        port, declared = _port_of(pod, found["port"], protocol)
        return [_checked(asked, origin, party(there, pod), protocol or declared, port)]
    return _service(asked, cluster, client, who if "/" in who else f"{namespace}/{who}", found["port"])


def _service(asked: Reaches, cluster: Cluster, client: Pod, key: str, port: str | None) -> list[Checked]:
    if key not in cluster.services:
        names = ", ".join(each.name for each in asked.mesh.clusters.values())
        raise UsageError(
            f"{cluster.name} has no Service {key}",
            hint=f"or name a workload: CLUSTER/NAMESPACE/WORKLOAD; clusters: {names}",
        )
    found = asked.of(cluster.context, key, port=port, client=client.key)
    origin = party(cluster, client)
    rows = []
    for backend in found.route.backends:
        pod = asked.mesh.clusters[backend.context].pods.get(backend.pod)
        target = party(asked.mesh.clusters[backend.context], pod) if pod is not None else outside(backend.ip)
        rows.append(_checked(asked, origin, target, backend.protocol, backend.port))
    if found.names.passes is False and found.names.stop is not None:
        stop = found.names.stop
        why = f"no name is resolved: {stop.text}"
        rows = [
            replace(row, why=f"{row.why}; by name nothing is reached: {why}", fix=stop.fix, unnamed=True)
            for row in rows
        ]
    if not rows:
        rows.append(Checked(client.key, cluster.name, key, "", "", 0, None, found.route.summary))
    return rows


def _checked(asked: Reaches, source: Party, target: Party, protocol: str, port: int) -> Checked:
    verdict = asked.verdict(source, target, protocol, port)
    told = explain_verdict(verdict)
    why = "; ".join(filter(None, [told.sentence, _unseen(asked.mesh, source.cluster, target.cluster)]))
    return Checked(source.name, source.cluster, target.name, target.cluster, protocol, port, verdict, why, told.fix)


def _unseen(mesh: Mesh, *names: str) -> str:
    """Which policies of these clusters this person may not see: a verdict is by those that were read."""
    parts = []
    for cluster in filter(None, map(mesh.by_name, dict.fromkeys(names))):
        links = ((kind, cluster.watches.get(kind)) for kind in POLICIES)
        refused = [kind.plural for kind, link in links if link is not None and isinstance(link.error, Forbidden)]
        if refused:
            parts.append(f"{cluster.name}'s {' and '.join(refused)}")
    return f"as far as may be seen: {' and '.join(parts)} were not read for want of rights" if parts else ""


def _workload(mesh: Mesh, text: str, namespace: str) -> tuple[Cluster, Pod]:
    """The pod that stands for CLUSTER/[NAMESPACE/]NAME: a pod of that name, or the workload's first."""
    first, *rest = text.split("/")
    cluster = mesh.by_name(first)
    if cluster is None or len(rest) not in (1, 2) or not all(rest):
        known = ", ".join(each.name for each in mesh.clusters.values())
        raise UsageError(f"cannot read {text!r}", hint=f"CLUSTER/[NAMESPACE/]WORKLOAD; clusters: {known}")
    space, name = rest if len(rest) == 2 else (namespace, rest[0])
    exact = cluster.pods.get(f"{space}/{name}")
    if exact is not None:
        return cluster, exact
    mine = [pod for pod in cluster.pods.values() if pod.namespace == space and workload_of_pod(pod.name) == name]
    if not mine:
        raise UsageError(
            f"{cluster.name} has no pod of a workload {space}/{name}", hint="a pod must be there to be judged"
        )
    return cluster, min(mine, key=lambda pod: (not is_ready(pod), pod.name))


def _port_of(pod: Pod, port: str | None, protocol: str) -> tuple[int, str]:
    """Number and protocol: as written, by the port's name, or the only one the pod declares."""
    declared = [each for container in pod.spec.containers or () for each in container.ports or ()]
    if port is not None and port.isdigit():
        return _number(port, pod.key), "TCP"
    fitting = [each for each in declared if (port is None or each.name == port) and protocol in ("", each.protocol)]
    if len(fitting) != 1:
        raise UsageError(f"which port of {pod.key}?", hint="write it after a colon: WHO:PORT/PROTO")
    return fitting[0].container_port, fitting[0].protocol


def _number(port: str | None, who: str) -> int:
    if port is None or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"which port of {who}?", hint="a number from 1 to 65535 after a colon: WHO:PORT/PROTO")
    return int(port)


def _address(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""
