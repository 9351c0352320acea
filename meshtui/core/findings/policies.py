"""Findings of policies as they are written: selectors that match nobody, a Service's port, no DNS; and its sisters'."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.core.findings.alone import alone
from meshtui.core.findings.model import Finding, Kind
from meshtui.core.findings.ofpolicy import by_policy, entries, finding, name
from meshtui.core.findings.overruled import overruled
from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model import resources as r
from meshtui.core.model.severity import Severity
from meshtui.core.model.slices import is_mirror
from meshtui.core.model.state import Cluster
from meshtui.core.policy.labels import NAMESPACE, Labels
from meshtui.core.policy.model import Party, PeerKind, Rule, TrafficDirection
from meshtui.core.policy.parties import party
from meshtui.core.policy.selectors import Selector
from meshtui.core.reach import Reaches
from meshtui.core.routing.candidates import slices


def in_policies(asked: Reaches) -> list[Finding]:
    """The findings of all policies; nothing is concluded while a cluster's pods are not known."""
    found: dict[tuple[object, ...], Finding] = {}
    for portion in portions(asked):
        found.update({each.order: each for each in portion})
    return sorted(found.values(), key=lambda each: each.order)


def portions(asked: Reaches) -> Iterator[list[Finding]]:
    """The same policy by policy, so that a mesh of thousands can be looked at between other things."""
    mesh = asked.mesh
    if not asked.any_governed or not all(r.PODS in cluster.objects for cluster in mesh.clusters.values()):
        return
    for cluster in list(mesh.clusters.values()):
        if asked.governed(cluster.context):
            yield from _in_cluster(asked, cluster)
    yield from alone(asked)


def _in_cluster(asked: Reaches, cluster: Cluster) -> Iterator[list[Finding]]:
    ports = _service_ports(asked, cluster)
    for ref, rules in by_policy(asked, cluster.context).items():
        yield list(_in_policy(asked, cluster, ref, rules, ports))
    yield from overruled(asked, cluster)
    yield list(_no_dns(asked, cluster))


def _in_policy(asked: Reaches, cluster: Cluster, ref: PolicyRef, rules: list[Rule], ports: _Ports) -> Iterator[Finding]:
    pod_groups = asked.pod_groups.of(cluster.context)
    if not any(True for rule in rules for _ in pod_groups.fitting(rule.subject)):
        yield _selects_nobody(cluster, ref, rules)
        return
    for rule in rules:
        yield from _peers(asked, cluster, rule)
        yield from _ports(cluster, rule, ports)


def _selects_nobody(cluster: Cluster, ref: PolicyRef, rules: list[Rule]) -> Finding:
    wanted = ", ".join(str(q) for q in rules[0].subject.written) or "any pod of the namespace"
    return finding(
        Kind.POLICY_SELECTS_NOBODY,
        Severity.INFO,
        cluster,
        ref,
        f"{cluster.name}'s policy {name(ref)} selects no pod, so it closes and opens nothing",
        f"{cluster.name}: no pod has {wanted}",
        "correct its endpointSelector, or delete it where its pods are gone for good",
    )


def _peers(asked: Reaches, cluster: Cluster, rule: Rule) -> Iterator[Finding]:
    """An allow entry of selectors alone, none of which any pod of any cluster fits."""
    of_all = [asked.pod_groups.of(context) for context in asked.mesh.clusters]
    for direction, entry in entries(rule, deny=False):
        if not entry.peers or any(peer.kind is not PeerKind.SELECTOR for peer in entry.peers):
            continue
        selectors = [peer.selector for peer in entry.peers]
        reserved = any(q.source == "reserved" for s in selectors for q in s.written)
        if reserved or any(True for s in selectors for groups in of_all for _ in groups.fitting(s)):
            continue
        scoped = [Selector(s.written, s.implied_namespace) for s in selectors if s.implied_cluster is not None]
        near = any(True for s in scoped for groups in of_all for _ in groups.fitting(s))
        why = (
            "a pod of another cluster has them, but without a cluster label this cluster alone is meant" if near else ""
        )
        wanted = "; ".join(", ".join(str(q) for q in selector.requirements) for selector in selectors)
        yield finding(
            Kind.POLICY_NEVER_APPLIES,
            Severity.WARNING,
            cluster,
            rule.policy,
            f"an {direction.value} rule of {cluster.name}'s policy {name(rule.policy)} can never apply: "
            "it means no pod",
            f"no pod of any cluster has {wanted}",
            why or "correct the rule's selector, or take the rule out",
        )


_Moved = tuple[Labels, str, str, int]
"""Labels of a Service's pod, its key, the protocol, the pod's own port, where that is not the Service's."""
_Ports = dict[int, dict[str, list[_Moved]]]
"""By the Service's port and the pod's namespace."""


def _service_ports(asked: Reaches, cluster: Cluster) -> _Ports:
    """Of the Services of a cluster whose pods listen elsewhere than the Service."""
    found: _Ports = {}
    for key, service in cluster.services.items():
        moved = [port for port in service.spec.ports or () if port.target_port not in (None, 0, port.port)]
        if not moved:
            continue
        for each in slices(asked.mesh, cluster, key):
            pod = next((p for e in each.endpoints or () if (p := _pod_of(cluster, e)) is not None), None)
            if pod is None or is_mirror(each):
                continue
            for port in moved:
                own = next((p.port for p in each.ports or () if (p.name or "") == (port.name or "")), None)
                if own and own != port.port:
                    spaces = found.setdefault(port.port, {})
                    spaces.setdefault(pod.labels.namespace, []).append((pod.labels, key, port.protocol, own))
    return found


def _pod_of(cluster: Cluster, endpoint: object) -> Party | None:
    target = getattr(endpoint, "target_ref", None)
    pod = cluster.pods.get(f"{target.namespace}/{target.name}") if target is not None else None
    return party(cluster, pod) if pod is not None else None


def _ports(cluster: Cluster, rule: Rule, ports: _Ports) -> Iterator[Finding]:
    """A rule that names a Service's port, whose pods listen on another that no rule of it names."""
    for direction, entry in entries(rule, deny=False):
        selectors = [peer.selector for peer in entry.peers if peer.kind is PeerKind.SELECTOR]
        meant = selectors if direction is TrafficDirection.EGRESS else [rule.subject]
        listed = [port for port in entry.ports or () if not port.every and not port.name]
        for outer in {port.first for port in listed if port.first in ports}:
            for selector in meant:
                for labels, key, protocol, own in _moved(ports[outer], selector):
                    alike = [port for port in listed if port.protocol == protocol]
                    if not any(port.first == outer for port in alike) or any(port.covers(own) for port in alike):
                        continue
                    if selector.matches(labels):
                        yield finding(
                            Kind.POLICY_SERVICE_PORT,
                            Severity.WARNING,
                            cluster,
                            rule.policy,
                            f"{cluster.name}'s policy {name(rule.policy)} names port {outer} of Service {key}, "
                            f"whose pods listen on {own}: its {direction.value} rule lets nothing to them",
                            f"{cluster.name}: {key} {outer}/{protocol} → {own}",
                            f"write {own} in its toPorts: policies are about the pods' own ports",
                        )


def _moved(spaces: dict[str, list[_Moved]], selector: Selector) -> Iterator[_Moved]:
    """Those that may be meant: of the selector's namespaces where it names them."""
    named = next((q.values for q in selector.requirements if q.key == NAMESPACE and q.operator == "In"), None)
    for namespace in spaces if named is None else named:
        yield from spaces.get(namespace, ())


def _no_dns(asked: Reaches, cluster: Cluster) -> Iterator[Finding]:
    """Namespaces none of whose selected workloads reaches DNS: one that does ends the search."""
    rules = [rule for rule in asked.book.rules(cluster.context) if TrafficDirection.EGRESS in rule.entries]
    everywhere = any(rule.subject.implied_namespace is None for rule in rules)
    named = {space for rule in rules if (own := rule.subject.implied_namespace) for space in own.values}
    spaces: dict[str, list[Party]] = {}
    for group in asked.pod_groups.of(cluster.context).groups() if rules else ():
        namespace = group.party.labels.namespace
        if everywhere or namespace in named:
            spaces.setdefault(namespace, []).append(group.party)
    for namespace, parties in sorted(spaces.items()):
        first = None
        for one in parties:
            if not asked.book.selecting(one, TrafficDirection.EGRESS):
                continue
            answer = asked.names(cluster.context, [one])
            first = first or answer.stop
            if answer.passes is not False:
                first = None
                break
        if first is not None and first.policies:
            yield finding(
                Kind.POLICY_NO_DNS,
                Severity.ERROR,
                cluster,
                first.policies[0],
                f"{cluster.name}'s pods of namespace {namespace} may not reach DNS: no name is resolved for them",
                first.text,
                "allow egress to the pods of kube-dns on 53/UDP and 53/TCP",
            )
