"""The decision: the route of a cluster's clients, and what each side's policies make of every connection on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from meshtui.core.model import resources as r
from meshtui.core.model.objects import Pod
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.policy import PolicyVerdict, Rulebook, TrafficDirection, judge, outside
from meshtui.core.policy.dnsnames import askable, may_ask
from meshtui.core.policy.explain import explain_verdict
from meshtui.core.policy.model import Party
from meshtui.core.policy.parties import party
from meshtui.core.policy.podgroups import MeshPodGroups
from meshtui.core.reach.clients import Basis, Clients, Workloads, choose
from meshtui.core.reach.model import DnsAccess, Hop, Reach, Stop
from meshtui.core.routing import Backend, Route, Routes, Surroundings, route
from meshtui.core.routing.kept import MOST

DNS = ("kube-system/kube-dns", "kube-system/coredns", "openshift-dns/dns-default")
"""Services that answer names, in the order they are looked for."""
_DNS_PORT = 53
_OPEN = Clients(Basis.ANYBODY)
_DEPENDS = frozenset((r.PODS, r.NAMESPACES, r.SERVICES, r.ENDPOINTSLICES))
"""What verdicts rest on beside the policies."""


class Reaches:
    """Answers for a mesh, cheap to ask again: what was judged is kept until a delta touches what it rests on.

    Where no cluster has a policy an answer costs what its route does.
    """

    def __init__(self, mesh: Mesh, book: Rulebook | None = None) -> None:
        self.mesh = mesh
        self.book = book or Rulebook(mesh)
        self.pod_groups = MeshPodGroups(mesh)
        """The pods by what policies see of them."""
        self._governed: dict[str, bool] = {}
        self._workloads: dict[str, Workloads] = {}
        self._parties: dict[tuple[str, str], tuple[Pod, Party]] = {}
        self._verdicts: dict[tuple[object, ...], PolicyVerdict] = {}
        self._routes = Routes(mesh)
        self._open: dict[tuple[str, str], Reach] = {}

    def note(self, delta: Delta) -> bool:
        """Forget what a delta makes doubtful; whether selectors may match other pods than before."""
        moved = self.pod_groups.note(delta)
        self._routes.note(delta)
        touched = {resource for _, resource in delta.objects}
        if (delta.status or not touched.isdisjoint(r.POLICIES)) and not self.book.holds(self.mesh):
            self.book = Rulebook(self.mesh, self.book)
            self._governed.clear()
            self._verdicts.clear()
        if not touched.isdisjoint(_DEPENDS):
            self._verdicts.clear()
        for context, resource in delta.objects:
            if resource == r.PODS:
                self._workloads.pop(context, None)
        if r.NAMESPACES in touched or delta.status:
            self._parties.clear()
        return moved

    def governed(self, context: str) -> bool:
        """Whether policies of a cluster may decide anything."""
        found = self._governed.get(context)
        if found is None:
            known = context in self.mesh.clusters and self.book.knows(context)
            mode = self.book.reading(context).mode
            found = known and mode != "never" and (mode == "always" or bool(self.book.rules(context)))
            self._governed[context] = found
        return found

    @property
    def any_governed(self) -> bool:
        """Whether any cluster has policies that decide."""
        return any(self.governed(context) for context in self.mesh.clusters)

    def workloads(self, context: str) -> Workloads:
        """The workloads of a cluster."""
        found = self._workloads.get(context)
        if found is None:
            found = self._workloads[context] = Workloads(self.mesh.clusters[context])
        return found

    def of(
        self,
        context: str,
        service_key: str,
        *,
        port: int | str | None = None,
        client: str = "",
        seen: Iterable[str] = (),
        around: Surroundings | None = None,
    ) -> Reach:
        """Who answers `context`'s clients of a service.

        `client`: key (`namespace/pod`) of the pod that asks; by default those of `clients.choose`, from among the pods
        `seen` where flows showed some. Raises KeyError for an unknown context.
        """
        found = self._routes.of(context, service_key, port, around)
        if not any(map(self.governed, {context, *(backend.context for backend in found.backends)})):
            return self._all_pass(found)
        chosen = self.mesh.clusters[context].pods.get(client) if client else None
        if chosen is not None:
            clients = Clients(Basis.CHOSEN, (chosen,))
        else:
            own = {backend.pod for backend in found.backends if backend.context == context}
            namespace = service_key.partition("/")[0]
            clients = choose(self.mesh, context, self.workloads(context), namespace, own, seen)
        asking = [self._party(context, pod) for pod in clients.pods]
        hops = tuple(self._hop(asking, backend) for backend in found.backends)
        return Reach(found, clients, hops, self.names(context, asking, service_key))

    def _all_pass(self, found: Route) -> Reach:
        """Nobody's policies decide; answers are kept beside their routes."""
        place = found.context, found.service
        kept = self._open.get(place)
        if kept is None or kept.route is not found:
            if len(self._open) >= MOST:
                self._open.clear()
            kept = self._open[place] = Reach(
                found, _OPEN, tuple(Hop(backend, passes=True) for backend in found.backends)
            )
        return kept

    def names(self, context: str, asking: Sequence[Party], service_key: str = "") -> DnsAccess:
        """Whether clients reach a DNS server of their cluster, and may ask it for a Service; one is enough."""
        key = next((key for key in DNS if key in self.mesh.clusters[context].services), "")
        if not key or not asking or not self.governed(context):
            return DnsAccess()
        backends = self._dns(context, key)
        hops = [self._hop(asking, backend) for backend in backends]
        if not hops or any(hop.passes for hop in hops):
            first = next((backend for backend, hop in zip(backends, hops, strict=True) if hop.passes), None)
            return self._asked_for(asking, first, service_key) if first is not None and service_key else DnsAccess()
        unsure = next((hop for hop in hops if hop.passes is None), None)
        return DnsAccess(None, unsure.stop) if unsure else DnsAccess(passes=False, stop=hops[0].stop)

    def _asked_for(self, asking: Sequence[Party], server: Backend, service_key: str) -> DnsAccess:
        """Whether the DNS proxy lets the clients ask for a Service's name."""
        pod = self.mesh.clusters[server.context].pods.get(server.pod)
        if pod is None:
            return DnsAccess()
        target = self._party(server.context, pod)
        lists = [askable(self.book, one, target, server.protocol, server.port) for one in asking]
        refused = [each for each in lists if each is not None and not may_ask(each, service_key)]
        if not refused:
            return DnsAccess()
        verdict = self.verdict(asking[0], target, server.protocol, server.port).egress
        text = f"the DNS proxy lets only {', '.join(refused[0][:4])} be asked for, and {service_key} is none of them"
        stop = Stop(
            verdict.cluster,
            TrafficDirection.EGRESS,
            verdict.policies,
            text,
            "add its name to the dns rules of the policy",
        )
        return DnsAccess(False if len(refused) == len(lists) else None, stop)

    def verdict(self, source: Party, destination: Party, protocol: str, port: int) -> PolicyVerdict:
        """As `policy.judge`; parties that policies cannot tell apart share an answer."""
        special = not (source.enforced and destination.enforced) or source.hidden or destination.hidden
        exact = (source.ip, source.node, destination.ip, destination.node) if special else ()
        key = (_sign(source), _sign(destination), protocol, port, exact)
        found = self._verdicts.get(key)
        if found is None:
            found = self._verdicts[key] = judge(self.book, source, destination, protocol, port)
        return found

    def resolves(self, context: str, client: Pod) -> bool | None:
        """Whether one pod reaches a DNS server of its cluster; None when that is not known."""
        return self.names(context, [self._party(context, client)]).passes

    def refuses(self, context: str, clients: Iterable[Pod], hops: Sequence[Hop], others: Iterable[Party] = ()) -> bool:
        """Whether each of these clients, and `others`, is refused by every backend for certain."""
        asking = [*(self._party(context, pod) for pod in clients), *others]
        return all(
            self.verdict(source, self._target(hop.backend), hop.backend.protocol, hop.backend.port).passes is False
            for source in asking
            for hop in hops
        )

    def _target(self, backend: Backend) -> Party:
        pod = self.mesh.clusters[backend.context].pods.get(backend.pod) if backend.pod else None
        return self._party(backend.context, pod) if pod is not None else outside(backend.ip)

    def _dns(self, context: str, key: str) -> Sequence[Backend]:
        found = route(self.mesh, context, key, port=_DNS_PORT)
        return [backend for backend in found.backends if backend.protocol == "UDP"] or found.backends

    def _party(self, context: str, pod: Pod) -> Party:
        held = self._parties.get((context, pod.key))
        if held is None or held[0] is not pod:
            held = self._parties[context, pod.key] = pod, party(self.mesh.clusters[context], pod)
        return held[1]

    def _hop(self, asking: Sequence[Party], backend: Backend) -> Hop:
        if not asking:
            text = "which pods ask is not known, and policies decide by their labels"
            return Hop(backend, None, Stop("", TrafficDirection.EGRESS, (), text))
        pod = self.mesh.clusters[backend.context].pods.get(backend.pod) if backend.pod else None
        if backend.pod and pod is None:
            text = f"{backend.cluster}'s pod {backend.pod} is not known here, and policies decide by its labels"
            return Hop(backend, None, Stop("", TrafficDirection.INGRESS, (), text))
        target = self._party(backend.context, pod) if pod is not None else outside(backend.ip)
        found = [self.verdict(source, target, backend.protocol, backend.port) for source in asking]
        kinds = {verdict.passes for verdict in found}
        if kinds == {True}:
            return Hop(backend, passes=True)
        worst = next(v for wanted in (False, None) for v in found if v.passes is wanted)
        stop = _stop(worst)
        if len(kinds) == 1:
            return Hop(backend, worst.passes, stop)
        denied = sum(verdict.passes is False for verdict in found)
        text = (
            f"it depends on who asks: {denied} of {len(found)} workloads are refused, {worst.source.name}: {stop.text}"
        )
        return Hop(backend, None, replace(stop, text=text))


def _sign(one: Party) -> tuple[object, ...]:
    return one.context, one.cluster, frozenset(one.labels.exact.items()), one.ports, one.enforced, one.hidden


def _stop(verdict: PolicyVerdict) -> Stop:
    found, told = verdict.deciding, explain_verdict(verdict)
    return Stop(found.cluster, found.direction, found.policies, told.sentence, told.fix)


def reach(mesh: Mesh, context: str, service_key: str, *, port: int | str | None = None, client: str = "") -> Reach:
    """One answer, for those who ask once; see `Reaches.of`."""
    return Reaches(mesh).of(context, service_key, port=port, client=client)


def reaches(
    mesh: Mesh, service_key: str, *, known: Reaches | None = None, seen: Mapping[str, Iterable[str]] | None = None
) -> list[Reach]:
    """The answer for every cluster's clients, in the mesh's order. `seen`: context → keys of pods that flows showed."""
    asked = known or Reaches(mesh)
    return [asked.of(context, service_key, seen=(seen or {}).get(context, ())) for context in mesh.clusters]
