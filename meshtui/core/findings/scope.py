"""The finding of policies that mean one cluster only: a global service whose remote backends a selector leaves out."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.model import objects as o
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Mesh
from meshtui.core.policy.evaluate import judge
from meshtui.core.policy.labels import Labels
from meshtui.core.policy.model import Party, PeerKind, Rule, Way
from meshtui.core.policy.nearmiss import widened
from meshtui.core.policy.parties import party
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.policy.selectors import Selector
from meshtui.core.routing import Backend, Route, routes


def policy_findings(mesh: Mesh, service_key: str, *, book: Rulebook | None = None) -> list[Finding]:
    """Policies that would let a service's remote traffic pass, were it not for their implied cluster.

    Not part of `findings`: it costs a look at every pod for each policy that nearly fits. Meant for one service at
    a time. Source: pkg/k8s/apis/cilium.io/utils/utils.go; recording 13-ingress-tion.
    """
    book = book or Rulebook(mesh)
    found: dict[tuple[object, ...], Finding] = {}
    for route in routes(mesh, service_key):
        for backend in _one_per_cluster(route):
            for finding in (*_egress(book, route, backend), *_ingress(book, route, backend)):
                found.setdefault(finding.order, finding)
    return sorted(found.values(), key=lambda finding: finding.order)


def _one_per_cluster(route: Route) -> list[Backend]:
    return list({b.context: b for b in reversed(route.backends) if b.remote and b.pod}.values())


def _egress(book: Rulebook, route: Route, backend: Backend) -> Iterator[Finding]:
    target = _pod(book.mesh, backend.context, backend.pod)
    if target is None:
        return
    for rule in book.rules(route.context):
        if not any(_leaves_out(selector, target.labels) for selector in _scoped(rule, Way.EGRESS)):
            continue
        client = _first(book.mesh, route.context, rule.subject)
        if client is not None and judge(book, client, target, backend.protocol, backend.port).egress.refused:
            text = (
                f"{rule.policy.name} in {route.cluster} lets {client.name} reach {route.service} "
                f"in {route.cluster} only: its requests to {backend.cluster} are dropped"
            )
            yield _finding(route, rule, (route.context,), text, backend.cluster, "to", route.cluster)


def _ingress(book: Rulebook, route: Route, backend: Backend) -> Iterator[Finding]:
    target = _pod(book.mesh, backend.context, backend.pod)
    if target is None:
        return
    for rule in book.selecting(target, Way.INGRESS):
        for selector in _scoped(rule, Way.INGRESS):
            open_ = Selector(selector.written, selector.implied_namespace)
            client = _first(book.mesh, route.context, open_)
            if client is None or not judge(book, client, target, backend.protocol, backend.port).ingress.refused:
                continue
            text = (
                f"{rule.policy.name} in {backend.cluster} admits clients of {backend.cluster} only: "
                f"requests of {route.cluster}'s {client.name} to {route.service} are dropped there"
            )
            yield _finding(route, rule, (backend.context,), text, route.cluster, "from", backend.cluster)


def _finding(
    route: Route, rule: Rule, contexts: tuple[str, ...], text: str, peer: str, side: str, where: str
) -> Finding:
    return Finding(
        Kind.POLICY_MEANS_ONE_CLUSTER,
        Severity.WARNING,
        contexts,
        route.service,
        text,
        (f"{where}: policy-default-local-cluster=true", f"{where}: {rule.policy.namespace}/{rule.policy.name}"),
        advice=f"add to its {side}Endpoints selector: {widened(where, peer)}",
    )


def _scoped(rule: Rule, way: Way) -> Iterator[Selector]:
    """Allow selectors of a rule to which Cilium adds the local cluster."""
    for entry in rule.entries.get(way, ()):
        for peer in entry.peers or ():
            if not entry.deny and peer.kind is PeerKind.SELECTOR and peer.selector.implied_cluster is not None:
                yield peer.selector


def _leaves_out(selector: Selector, labels: Labels) -> bool:
    failing = selector.failing(labels)
    return failing is not None and failing is selector.implied_cluster


def _pod(mesh: Mesh, context: str, key: str) -> Party | None:
    cluster = mesh.clusters[context]
    pod: o.Pod | None = cluster.pods.get(key)
    return party(cluster, pod) if pod is not None and not pod.spec.host_network else None


def _first(mesh: Mesh, context: str, selector: Selector) -> Party | None:
    """The first pod of a cluster, by key, that a selector matches."""
    cluster = mesh.clusters[context]
    spaces = selector.implied_namespace.values if selector.implied_namespace else ()
    for _, pod in sorted(cluster.pods.items()):
        if not pod.spec.host_network and (not spaces or pod.namespace in spaces):
            candidate = party(cluster, pod)
            if selector.matches(candidate.labels):
                return candidate
    return None
