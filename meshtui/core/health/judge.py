"""The one judgement: everything that is known of a mesh at one moment, from its objects, its words and its flows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import combinations

from msgspec.structs import replace

from meshtui.core.errors import MeshtuiError
from meshtui.core.health import linktroubles as lt
from meshtui.core.health.addresses import AddressIndex
from meshtui.core.health.agentreports import AgentReports
from meshtui.core.health.componentpods import ComponentPods
from meshtui.core.health.components import judge_components
from meshtui.core.health.control import ControlPlaneFault
from meshtui.core.health.foreseen import Denial, Foreseen
from meshtui.core.health.hiding import hidden_by
from meshtui.core.health.links import KnownFaults, gone_apiservers, judge_link, remembered, stranger
from meshtui.core.health.memory import Memory
from meshtui.core.health.model import (
    Cause,
    Judged,
    Judgement,
    LinkHealth,
    ServiceHealth,
    Source,
    Statement,
    Subject,
    Trouble,
    Verdict,
    What,
)
from meshtui.core.health.nodes import down_nodes, judge_nodes, mute_agents, no_exec, unread
from meshtui.core.health.path import way_between
from meshtui.core.health.pathhealth import PathHealth, PathState
from meshtui.core.health.relays import held_up
from meshtui.core.health.services import judge_services, unready, unready_trouble
from meshtui.core.health.traffic import Traffic
from meshtui.core.health.unready import Unready
from meshtui.core.model.meshes import apart, groups
from meshtui.core.model.parts import parts, size
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Delta, Mesh, Phase
from meshtui.core.policy.rulebook import Rulebook

_ORDER = {cause: number for number, cause in enumerate(Cause)}
AT_ONCE = 1_000
"""Objects whose addresses and readiness are noted in one go: 5 ms."""
_RETURNED_SECONDS = 150.0
_OWN = frozenset((Cause.AGENT_HUNG, Cause.AGENT_DOWN, Cause.COMPONENT_SHORT, Cause.CLUSTER_REPLACED))
"""Troubles of a cluster's own that make it fail, although requests pass."""


class Judge:
    """Judges a mesh again and again; remembers what has to be remembered between two judgements."""

    def __init__(self, mesh: Mesh, traffic: Traffic | None = None) -> None:
        self.mesh = mesh
        self.traffic = traffic or Traffic()
        self.memory = Memory()
        self.reports = AgentReports()
        self.latest = Judgement()
        self._unready: Unready | None = None
        self._foreseen: Foreseen | None = None
        self._addresses: AddressIndex | None = None
        self._component_pods: ComponentPods | None = None
        self._book: Rulebook | None = None
        self._due: deque[Delta] = deque()

    def follow(self) -> None:
        """Take every change from `note` from now on; without that all is looked at anew each time."""
        self._unready, self._addresses = Unready(self.mesh), AddressIndex(self.mesh)
        self._foreseen, self._component_pods = Foreseen(self.mesh, self.rules), ComponentPods()

    def note(self, delta: Delta) -> None:
        """Something changed. Of a long list only a little is looked at now, the rest by `work`."""
        if self._foreseen is not None and self._component_pods is not None:
            self._foreseen.note(delta)
            self._component_pods.note(delta)
            if size(delta) > AT_ONCE:
                self._due.extend(parts(delta, AT_ONCE))
            else:
                self._look(delta)

    def _look(self, delta: Delta) -> None:
        if self._unready is not None and self._addresses is not None:
            self._unready.note(delta)
            self._addresses.note(delta)

    @property
    def owing(self) -> bool:
        """Whether some of a long list was not looked at yet: whose an address is may not be known."""
        return bool(self._due)

    def work(self) -> None:
        """Look at one part of what is owed."""
        if self._due:
            self._look(self._due.popleft())

    def catch_up(self) -> None:
        """Look at everything that the next judgement would leave for those after it."""
        while self._due:
            self.work()
        while self._foreseen is not None and self._foreseen.pending:
            self._foreseen.look()

    def judge(self, now: float) -> Judgement:
        """Judge everything as of `now`, wall time."""
        self.traffic.settle(now)
        clusters = list(self.mesh.clusters.values())
        judgement = _Making(self, self.addresses, now).make(clusters)
        self.memory.forget_the_rest()
        self.memory.keep_only(judgement.all())
        self.latest = judgement
        return judgement

    @property
    def unready(self) -> Unready:
        """Services without a ready endpoint."""
        return self._unready or Unready(self.mesh)

    @property
    def component_pods(self) -> ComponentPods:
        """Parts of each cluster with their pods."""
        return self._component_pods or ComponentPods()

    @property
    def addresses(self) -> AddressIndex:
        """Who is behind an address."""
        return self._addresses or AddressIndex(self.mesh)

    def foreseen(self) -> Mapping[str, Denial]:
        """Services to which policies would let nobody."""
        if self._foreseen is not None:
            self._foreseen.look()
            return self._foreseen.denied
        fresh = Foreseen(self.mesh, self.rules)
        fresh.look(sum(len(cluster.services) for cluster in self.mesh.clusters.values()))
        return fresh.denied

    def rules(self) -> Rulebook:
        """The policies of now, compiled again only when one changed."""
        if self._book is None or not self._book.holds(self.mesh):
            self._book = Rulebook(self.mesh, self._book)
        return self._book


class _Making:
    """One judgement being made."""

    def __init__(self, judge: Judge, homes: AddressIndex, now: float) -> None:
        self.mesh, self.traffic, self.memory, self.homes = judge.mesh, judge.traffic, judge.memory, homes
        self.reports, self.unready, self.now, self.book = judge.reports, judge.unready, now, judge.rules
        self.component_pods = judge.component_pods
        self.foreseen = judge.foreseen()
        self.troubles: list[Trouble] = []
        self.nodes: dict[tuple[str, str], Judged] = {}
        self.of_cluster: dict[str, list[Judged]] = {}
        """The same, by context."""
        self.components: dict[tuple[str, str], Judged] = {}
        self.links: dict[tuple[str, str], LinkHealth] = {}
        self.services: dict[str, ServiceHealth] = {}
        self.paths: dict[frozenset[str], PathHealth] = {}
        self.gone: frozenset[str] = frozenset()
        self.meshes = tuple(groups(self.mesh, self.reports.claims))

    def make(self, clusters: list[Cluster]) -> Judgement:
        """All of it, each part on what was judged before."""
        for cluster in clusters:
            self._cluster_parts(cluster)
        self.troubles += no_exec([cluster for cluster in clusters if not unread(cluster)])
        self._links(clusters)
        self._services()
        self.troubles += lt.certificate_troubles(clusters, self.now)
        self.troubles += lt.replaced(clusters, self.memory, self.now)
        made = {cluster.context: self._cluster(cluster) for cluster in clusters}
        ordered = sorted(map(self._hiding, self.troubles), key=lambda t: (t.severity, _ORDER[t.cause], t.object))
        return Judgement(
            self.now,
            made,
            self.nodes,
            self.links,
            self.components,
            self.services,
            tuple(dict.fromkeys(ordered)),
            self.meshes,
        )

    def _cluster_parts(self, cluster: Cluster) -> None:
        gone = _api_trouble(cluster, self.memory, self.now)
        if gone is not None:
            self.troubles.append(gone)
        nodes, troubles = judge_nodes(cluster, self.memory, self.now)
        down = down_nodes(troubles, cluster)
        parts, missing = judge_components(
            cluster, self.component_pods.of(cluster), self.memory, self.now, down, mute_agents(troubles)
        )
        if unread(cluster):
            # What is held is old: it is shown as such, and nothing new is concluded from it.
            nodes = [_stale(judged, cluster, self.now, self.memory) for judged in nodes]
            parts = [_stale(judged, cluster, self.now, self.memory) for judged in parts]
            troubles, missing = [], []
        self.troubles += [*troubles, *missing]
        self.of_cluster[cluster.context] = nodes
        self.nodes |= {(cluster.context, judged.subject.name): judged for judged in nodes}
        self.components |= {(cluster.context, judged.subject.name): judged for judged in parts}

    def _links(self, clusters: list[Cluster]) -> None:
        around = KnownFaults(
            frozenset(t.object for t in self.troubles if t.cause is Cause.NODE_DOWN),
            frozenset(t.object for t in self.troubles if t.cause in (Cause.AGENT_HUNG, Cause.AGENT_DOWN)),
        )
        gone = self.gone = gone_apiservers(clusters, around)
        for cluster in clusters:
            for tried in cluster.troubleshot.values():
                self.memory.attempted(cluster.context, tried)
        controls: dict[tuple[str, str], ControlPlaneFault] = {}
        strangers = apart(self.meshes)
        for one, other in combinations(clusters, 2):
            if one.name != other.name and frozenset((one.context, other.context)) not in strangers:
                both = frozenset((one.context, other.context))
                seen = way_between(
                    one, other, self.traffic, self.now, self.memory, self.homes, self.reports, around.down_nodes
                )
                self.paths[both] = self._without_returned(seen, around.down_nodes)
        for cluster in clusters:
            names = dict.fromkeys([*(c.name for c in clusters), *self.reports.claims.remotes(cluster)])
            for target in names:
                there = self.mesh.by_name(target)
                if there is not None and frozenset((cluster.context, there.context)) in strangers:
                    self.links[cluster.context, target] = self.memory.dated(stranger(cluster, target), self.now)
                elif target != cluster.name:
                    self._link(cluster, target, around, controls)
        for one, other in combinations(clusters, 2):
            path = self.paths.get(frozenset((one.context, other.context)))
            if path is None:
                continue
            found = (lt.path_trouble(one, other, each, around, self.memory, self.now) for each in reversed(path.all))
            self.troubles += [trouble for trouble in found if trouble is not None]
            self.troubles += lt.control_troubles(one, other, controls, path, gone, self.memory, self.now)
            self.troubles += _filtered(one, other, path)

    def _hiding(self, trouble: Trouble) -> Trouble:
        """With what it keeps everybody from seeing, as far as it does here."""
        path = self.paths.get(frozenset(trouble.contexts), UNKNOWN_PATH)
        match trouble.cause:
            case Cause.LINK_CUT if path.nodes:
                return trouble  # the other nodes show all the rest
            case Cause.MTU:
                return hidden_by(trouble, etcd=any(each.etcd_hangs for each in path.all))
            case Cause.NODE_DOWN:
                return hidden_by(trouble, etcd=self.mesh.clusters[trouble.contexts[0]].name in self.gone)
            case _:
                return hidden_by(trouble)

    def _without_returned(self, path: PathHealth, down: frozenset[str]) -> PathHealth:
        """A node that was down a moment ago is still in the last probes of it: those are made every 132 s."""
        self.memory.down_at.update(dict.fromkeys(down, self.now))
        lately = {name for name, at in self.memory.down_at.items() if self.now - at <= _RETURNED_SECONDS} - down
        if path.state.bad and path.nodes and lately.issuperset(path.nodes):
            return replace(path, state=PathState.RECOVERING, nodes=())
        return path

    def _link(
        self, cluster: Cluster, target: str, around: KnownFaults, controls: dict[tuple[str, str], ControlPlaneFault]
    ) -> None:
        other = self.mesh.by_name(target)
        path = self.paths.get(frozenset((cluster.context, other.context))) if other else None
        health, control = judge_link(
            cluster, target, other, path or UNKNOWN_PATH, self.traffic, around, self.memory, self.reports, self.now
        )
        self.links[cluster.context, target] = remembered(health, self.memory, path or UNKNOWN_PATH, self.now)
        if control is not None and other is not None and not unread(cluster):
            controls[cluster.context, other.context] = control

    def _services(self) -> None:
        names = {context: cluster.name for context, cluster in self.mesh.clusters.items()}
        bad: dict[frozenset[str], Cause] = {}
        for trouble in self.troubles:
            if len(trouble.contexts) == 2 and trouble.cause is not Cause.NO_EXEC:
                bad.setdefault(frozenset(names[context] for context in trouble.contexts), trouble.cause)
            elif trouble.cause is Cause.NODE_DOWN:
                for name in names.values():
                    bad.setdefault(frozenset((name, names[trouble.contexts[0]])), trouble.cause)
        for one, other in combinations(names.values(), 2):
            lately = self.memory.lately(one, other, self.now, lt.TRACES_SECONDS)
            if lately is not None:
                bad.setdefault(frozenset((one, other)), lately)
        for node, at in self.memory.down_at.items():
            if self.now - at <= lt.TRACES_SECONDS:
                for name in names.values():
                    bad.setdefault(frozenset((name, node.partition("/")[0])), Cause.NODE_DOWN)
        self.troubles += held_up(self.mesh.clusters.values(), bad, self.memory, self.now)
        judged, troubles = judge_services(self.mesh, self.traffic, self.now, self.memory, bad, self.book, self.foreseen)
        self.services |= {health.subject.name: health for health in judged}
        self.troubles += troubles
        for cluster, key, pods in unready(self.mesh, self.unready, self.now, self.memory):
            self.troubles.append(unready_trouble(self.mesh, cluster, key, pods, self.memory, self.now))

    def _cluster(self, cluster: Cluster) -> Judged:
        subject = Subject(What.CLUSTER, cluster.context)
        mine = [t for t in self.troubles if t.contexts and t.contexts[0] == cluster.context]
        local = [t for t in mine if len(t.contexts) == 1 and (t.severity is Severity.ERROR or t.cause in _OWN)]
        at = cluster.api.since
        claims = (Statement(Source.API, cluster.api.phase.value, cluster.api.phase is Phase.LIVE, self.now),)
        if cluster.api.phase is Phase.CONNECTING:
            return self._dated(Judged(subject, Verdict.UNKNOWN, "connecting", 0.0, claims))
        if cluster.api.phase is Phase.STALE:
            words = f"as of {max(0.0, self.now - at):.0f} s ago"
            return self._dated(Judged(subject, Verdict.STALE, words, 0.0, claims, (), (Cause.API_GONE,)))
        if cluster.api.phase is not Phase.LIVE:
            words = cluster.api.error.title if cluster.api.error else cluster.api.phase.value
            return self._dated(Judged(subject, Verdict.FAILING, words, 0.0, claims, (), (Cause.API_GONE,)))
        if local:
            causes = tuple(dict.fromkeys(t.cause for t in local))
            words = "; ".join(dict.fromkeys(cause.value for cause in causes))
            return self._dated(Judged(subject, Verdict.FAILING, words, 0.0, claims, (), causes))
        nodes = self.of_cluster.get(cluster.context, [])
        if any(judged.verdict is Verdict.UNKNOWN for judged in nodes) or not nodes:
            return self._dated(Judged(subject, Verdict.UNKNOWN, "not known yet", 0.0, claims))
        return self._dated(Judged(subject, Verdict.WELL, "well", 0.0, claims))

    def _dated(self, judged: Judged) -> Judged:
        return self.memory.dated(judged, self.now)


def _stale(judged: Judged, cluster: Cluster, now: float, memory: Memory) -> Judged:
    words = f"{judged.words}, as of {max(0.0, now - cluster.api.since):.0f} s ago"
    old = Judged(judged.subject, Verdict.STALE, words, 0.0, judged.claims, judged.observations, judged.causes)
    return memory.dated(old, now, cluster.api.since)


UNKNOWN_PATH = PathHealth(PathState.UNKNOWN)


def _api_trouble(cluster: Cluster, memory: Memory, now: float) -> Trouble | None:
    if cluster.api.phase not in (Phase.STALE, Phase.FAILED) or cluster.recorded:
        return None
    error = cluster.api.error or MeshtuiError("no answer")
    since = memory.since(("api", cluster.context), now, cluster.api.since)
    known = " what is shown of it is as old as that" if cluster.objects else " nothing is known of it"
    return Trouble(
        Cause.API_GONE,
        Severity.ERROR,
        (cluster.context,),
        cluster.name,
        f"{cluster.name}'s API server does not answer;{known}",
        (str(error),),
        "pods go on, and so do requests between clusters; nothing in it can change",
        error.hint or f"kubectl --context {cluster.context} get --raw /readyz",
        since,
    )


def _filtered(one: Cluster, other: Cluster, path: PathHealth) -> list[Trouble]:
    if not path.hosts_filtered:
        return []
    return [
        Trouble(
            Cause.HEALTH_UNREAD,
            Severity.INFO,
            (one.context, other.context),
            f"{one.name} ⇄ {other.name}",
            f"cilium-health's probes of node addresses between {one.name} and {other.name} are filtered",
            ("no node address answers TCP 4240 or ICMP, the health endpoints of the same nodes do",),
            "all requests pass; only node health cannot be read",
            "open TCP 4240 and ICMP echo between the clusters' nodes",
        )
    ]
