"""Findings of policies as they are written: selectors that match nobody, a Service's port, denials that win, no DNS."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model import resources as r
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster
from meshtui.core.policy.labels import Labels
from meshtui.core.policy.model import Entry, Party, PeerKind, Rule, Way
from meshtui.core.policy.parties import party
from meshtui.core.reach import Reaches
from meshtui.core.routing.candidates import is_mirror, slices

_Parties = dict[str, list[Party]]
"""Context → one party for each set of labels; of a cluster whose pods are not known nothing."""


def in_policies(asked: Reaches) -> list[Finding]:
    """The findings of all policies; nothing is concluded while a cluster's pods are not known."""
    mesh = asked.mesh
    if not asked.any_governed or not all(r.PODS in cluster.objects for cluster in mesh.clusters.values()):
        return []
    everybody = {context: _parties(cluster) for context, cluster in mesh.clusters.items()}
    found: dict[tuple[object, ...], Finding] = {}
    for cluster in mesh.clusters.values():
        if asked.governed(cluster.context):
            for finding in _in_cluster(asked, cluster, everybody):
                found.setdefault(finding.order, finding)
    return sorted(found.values(), key=lambda finding: finding.order)


def _parties(cluster: Cluster) -> list[Party]:
    found: dict[frozenset[tuple[str, str]], Party] = {}
    for pod in cluster.pods.values():
        if not pod.spec.host_network:
            one = party(cluster, pod)
            found.setdefault(frozenset(one.labels.exact.items()), one)
    return list(found.values())


def _in_cluster(asked: Reaches, cluster: Cluster, everybody: _Parties) -> Iterator[Finding]:
    here = everybody[cluster.context]
    by_policy: dict[PolicyRef, list[Rule]] = {}
    for rule in asked.book.rules(cluster.context):
        by_policy.setdefault(rule.policy, []).append(rule)
    ports = _service_ports(asked, cluster)
    for ref, rules in by_policy.items():
        selected = [one for one in here if any(rule.subject.matches(one.labels) for rule in rules)]
        if not selected:
            yield _selects_nobody(cluster, ref, rules)
            continue
        for rule in rules:
            yield from _peers(cluster, rule, everybody)
            yield from _ports(cluster, rule, selected, ports)
    yield from _no_dns(asked, cluster, here)


def _selects_nobody(cluster: Cluster, ref: PolicyRef, rules: list[Rule]) -> Finding:
    wanted = ", ".join(str(q) for q in rules[0].subject.written) or "any pod of the namespace"
    return _finding(
        Kind.POLICY_SELECTS_NOBODY,
        Severity.INFO,
        cluster,
        ref,
        f"{cluster.name}'s policy {_name(ref)} selects no pod, so it closes and opens nothing",
        f"{cluster.name}: no pod has {wanted}",
        "correct its endpointSelector, or delete it where its pods are gone for good",
    )


def _peers(cluster: Cluster, rule: Rule, everybody: _Parties) -> Iterator[Finding]:
    """An allow entry of selectors alone, none of which any pod of any cluster fits."""
    labels = [one.labels for parties in everybody.values() for one in parties]
    for way, entry in _allowing(rule):
        if not entry.peers or any(peer.kind is not PeerKind.SELECTOR for peer in entry.peers):
            continue
        selectors = [peer.selector for peer in entry.peers]
        reserved = any(q.source == "reserved" for s in selectors for q in s.written)
        if reserved or any(selector.matches(one) for selector in selectors for one in labels):
            continue
        near = [s for s in selectors if any(s.failing(one) is s.implied_cluster is not None for one in labels)]
        why = (
            "a pod of another cluster has them, but without a cluster label this cluster alone is meant" if near else ""
        )
        wanted = "; ".join(", ".join(str(q) for q in selector.requirements) for selector in selectors)
        yield _finding(
            Kind.POLICY_NEVER_APPLIES,
            Severity.WARNING,
            cluster,
            rule.policy,
            f"an {way.value} rule of {cluster.name}'s policy {_name(rule.policy)} can never apply: it means no pod",
            f"no pod of any cluster has {wanted}",
            why or "correct the rule's selector, or take the rule out",
        )


_Ports = list[tuple[Labels, str, int, str, int]]
"""Labels of a Service's pod, its key, the Service's port, the protocol, the pod's own port, where they differ."""


def _service_ports(asked: Reaches, cluster: Cluster) -> _Ports:
    """Of the Services of a cluster whose pods listen elsewhere than the Service."""
    found: _Ports = []
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
                    found.append((pod.labels, key, port.port, port.protocol, own))
    return found


def _pod_of(cluster: Cluster, endpoint: object) -> Party | None:
    target = getattr(endpoint, "target_ref", None)
    pod = cluster.pods.get(f"{target.namespace}/{target.name}") if target is not None else None
    return party(cluster, pod) if pod is not None else None


def _ports(cluster: Cluster, rule: Rule, selected: list[Party], ports: _Ports) -> Iterator[Finding]:
    """A rule that names a Service's port, whose pods listen on another that no rule of it names."""
    subjects = [one.labels for one in selected]
    for way, entry in _allowing(rule):
        for labels, key, outer, protocol, own in ports:
            listed = [port for port in entry.ports or () if port.protocol == protocol and not port.every]
            if not any(port.first == outer for port in listed) or any(port.covers(own) for port in listed):
                continue
            meant = (
                any(peer.kind is PeerKind.SELECTOR and peer.selector.matches(labels) for peer in entry.peers)
                if way is Way.EGRESS
                else labels in subjects and rule.subject.matches(labels)
            )
            if meant:
                yield _finding(
                    Kind.POLICY_SERVICE_PORT,
                    Severity.WARNING,
                    cluster,
                    rule.policy,
                    f"{cluster.name}'s policy {_name(rule.policy)} names port {outer} of Service {key}, "
                    f"whose pods listen on {own}: its {way.value} rule lets nothing to them",
                    f"{cluster.name}: {key} {outer}/{protocol} → {own}",
                    f"write {own} in its toPorts: policies are about the pods' own ports",
                )


def _no_dns(asked: Reaches, cluster: Cluster, here: list[Party]) -> Iterator[Finding]:
    """Namespaces none of whose selected workloads reaches DNS."""
    spaces: dict[str, list[Party]] = {}
    for one in here:
        if asked.book.selecting(one, Way.EGRESS):
            spaces.setdefault(one.labels.namespace, []).append(one)
    for namespace, parties in sorted(spaces.items()):
        answers = [asked.names(cluster.context, [one]) for one in parties]
        stop = answers[0].stop
        if all(answer.passes is False for answer in answers) and stop is not None and stop.policies:
            yield _finding(
                Kind.POLICY_NO_DNS,
                Severity.ERROR,
                cluster,
                stop.policies[0],
                f"{cluster.name}'s pods of namespace {namespace} may not reach DNS: no name is resolved for them",
                stop.text,
                "allow egress to the pods of kube-dns on 53/UDP and 53/TCP",
            )


def _allowing(rule: Rule) -> Iterator[tuple[Way, Entry]]:
    for way, entries in rule.entries.items():
        yield from ((way, entry) for entry in entries if not entry.deny)


def _finding(
    kind: Kind, severity: Severity, cluster: Cluster, ref: PolicyRef, text: str, evidence: str, advice: str
) -> Finding:
    return Finding(kind, severity, (cluster.context,), _name(ref), text, (evidence,), advice=advice)


def _name(ref: PolicyRef) -> str:
    return f"{ref.namespace}/{ref.name}".lstrip("/")
