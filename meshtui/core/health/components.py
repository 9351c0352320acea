"""The components that a mesh needs in each cluster: agents, operator, Relay, clustermesh-apiserver, Envoy, DNS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from meshtui.core.health.memory import Memory
from meshtui.core.health.model import Cause, Judged, Source, Statement, Subject, Trouble, Verdict, What
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.probes import moment
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Phase

GRACE = 20.0
"""Seconds a restarting component may take before it is missing: a pod that comes back is no fault."""
PATIENCE = 90.0
"""Seconds a component may be short of some of its pods: that is what a rollout looks like."""
SYSTEM = "kube-system"
DNS, APISERVER, RELAY = "DNS", "clustermesh-apiserver", "hubble-relay"
_CRASHING = ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError")


class _Gone(Struct, frozen=True):
    """What it means when nothing is left of a component."""

    cause: Cause
    severity: Severity
    sentence: str
    still: str


_GONE: Mapping[str, _Gone] = MappingProxyType(
    {
        DNS: _Gone(
            Cause.DNS_GONE,
            Severity.ERROR,
            "names do not resolve in {cluster}: {what}",
            "connections that are open, and names that clients have cached, still work",
        ),
        APISERVER: _Gone(
            Cause.APISERVER_GONE,
            Severity.ERROR,
            "{cluster} tells no other cluster what changes in it, and learns nothing of theirs: {what}",
            "requests to the backends known so far still pass",
        ),
        RELAY: _Gone(
            Cause.RELAY_GONE,
            Severity.WARNING,
            "{cluster} has no Relay: {what}",
            "requests are not affected, and the agents deliver flows",
        ),
    }
)
_NAMES = MappingProxyType(
    {
        "clustermesh-apiserver": APISERVER,
        "hubble-relay": RELAY,
        "cilium-operator": "cilium-operator",
        "cilium": "cilium",
        "cilium-envoy": "cilium-envoy",
    }
)


class Component(Struct, frozen=True):
    """One component of a cluster that the mesh needs."""

    name: str
    resource: r.Resource
    workload: o.Deployment | o.DaemonSet
    desired: int
    ready: int
    own: tuple[o.Pod, ...] | None = None
    """Its pods, where these were looked up already."""

    def selects(self, pod: o.Pod) -> bool:
        """Whether a pod is its own."""
        wanted = self.workload.spec.selector.match_labels
        if not wanted or pod.metadata.namespace != self.workload.metadata.namespace:
            return False
        labels = pod.metadata.labels or {}
        return all(labels.get(k) == v for k, v in wanted.items())

    @property
    def reference(self) -> str:
        """`deploy/coredns`."""
        kind = "deploy" if self.resource is r.DEPLOYMENTS else "ds"
        return f"{kind}/{self.workload.name}"

    @property
    def scaled_down(self) -> bool:
        """Whether somebody wants none of it."""
        return self.desired == 0 and self.resource is r.DEPLOYMENTS

    @property
    def changed_at(self) -> float:
        """When it became unavailable by the cluster's own word; 0 when that is not told."""
        for condition in self.workload.status.conditions or ():
            if condition.type == "Available":
                return moment(condition.last_transition_time or "")
        return 0.0


def components_of(cluster: Cluster) -> list[Component]:
    """The components there are, as far as Deployments and DaemonSets were listed."""
    found = []
    for item in cluster.of(r.DEPLOYMENTS).values():
        name = _part_of(cluster, item)
        if name:
            desired = 1 if item.spec.replicas is None else item.spec.replicas
            found.append(Component(name, r.DEPLOYMENTS, item, desired, item.status.ready_replicas))
    for item in cluster.of(r.DAEMONSETS).values():
        name = _part_of(cluster, item)
        if name:
            status = item.status
            found.append(Component(name, r.DAEMONSETS, item, status.desired_number_scheduled, status.number_ready))
    return sorted(found, key=lambda component: component.name)


def _part_of(cluster: Cluster, item: o.Object) -> str:
    if item.namespace == SYSTEM and item.labels.get("k8s-app") == "kube-dns":
        return DNS
    return _NAMES.get(item.name, "") if item.namespace == cluster.home else ""


def judge_components(
    cluster: Cluster,
    components: list[Component],
    memory: Memory,
    now: float,
    down: frozenset[str],
    mute: frozenset[str] = frozenset(),
) -> tuple[list[Judged], list[Trouble]]:
    """Each component's verdict, and what is wrong. `components`: a cluster's, with their pods; `down`: nodes known to
    be down; `mute`: whose agent has its trouble.
    """
    judged, troubles = [], []
    for component in components:
        told = down | mute if component.name == "cilium" else down
        missing = _missing_since(cluster, component, memory, now, told)
        short = component.ready < component.desired
        verdict, words, cause = _verdict(component, missing is not None, short and _all_down(cluster, component, down))
        if missing is not None:
            trouble = _trouble(cluster, component, missing, down)
            troubles.append(trouble)
            cause = trouble.cause
        subject = Subject(What.COMPONENT, cluster.context, component.name)
        restarts = sum(
            c.restart_count for pod in pods_of(cluster, component) for c in pod.status.container_statuses or ()
        )
        claims = [Statement(Source.OBJECTS, words, component.ready == component.desired, now)]
        if restarts:
            claims.append(Statement(Source.OBJECTS, f"{restarts} restarts", None, now))
        causes = (cause,) if cause else ()
        judged.append(memory.dated(Judged(subject, verdict, words, 0.0, tuple(claims), (), causes), now))
    return judged, troubles


def _verdict(component: Component, missing: bool, on_down: bool) -> tuple[Verdict, str, Cause | None]:
    words = f"{component.ready}/{component.desired}"
    if missing:
        return Verdict.FAILING, words if component.desired else "scaled to 0", None
    if component.ready < component.desired and on_down:
        return Verdict.FAILING, f"{words}, the rest on a node that is down", Cause.NODE_DOWN
    if component.ready < component.desired:
        return Verdict.RECOVERING, f"{words} restarting", None
    return Verdict.WELL, words, None


def _missing_since(
    cluster: Cluster, component: Component, memory: Memory, now: float, down: frozenset[str]
) -> float | None:
    """Since when it is missing or short for longer than a restart takes; None when it is not."""
    key = ("part", cluster.context, component.reference)
    if component.scaled_down and component.name in _GONE:
        return memory.since(key, now, component.changed_at)
    if component.ready >= component.desired:
        return None
    first = memory.since(key, now, component.changed_at or _unready_at(cluster, component))
    if component.name not in _GONE and _all_down(cluster, component, down):
        return None  # the node's own trouble says it
    if component.ready == 0 and (now - first >= GRACE or _crashing(cluster, component)):
        return first
    return first if now - first >= PATIENCE and not _all_down(cluster, component, down) else None


def _all_down(cluster: Cluster, component: Component, down: frozenset[str]) -> bool:
    """Whether all of its pods that are not ready are on nodes that are down."""
    short_of = [pod for pod in pods_of(cluster, component) if not _ready(pod)]
    return bool(short_of) and all(pod.spec.node_name in down for pod in short_of)


def _unready_at(cluster: Cluster, component: Component) -> float:
    """When the first of its pods that is not ready became so."""
    times = [
        moment(condition.last_transition_time or "")
        for pod in pods_of(cluster, component)
        for condition in pod.status.conditions or ()
        if condition.type == "Ready" and condition.status != "True"
    ]
    return min((at for at in times if at), default=0.0)


def pods_of(cluster: Cluster, component: Component) -> list[o.Pod]:
    """A component's pods, by its selector."""
    return (
        [pod for pod in cluster.pods.values() if component.selects(pod)]
        if component.own is None
        else list(component.own)
    )


def _ready(pod: o.Pod) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or ())


def _crashing(cluster: Cluster, component: Component) -> bool:
    return any(_waiting(pod) for pod in pods_of(cluster, component))


def _waiting(pod: o.Pod) -> str:
    """Why a container of it does not start, when it tried and failed."""
    for status in pod.status.container_statuses or ():
        waiting = status.state.waiting
        if waiting is not None and waiting.reason in _CRASHING:
            return f"{status.name}: {waiting.reason}"
    return ""


def _trouble(cluster: Cluster, component: Component, since: float, down: frozenset[str]) -> Trouble:
    what = (
        f"{component.reference} is scaled to 0"
        if component.scaled_down
        else (f"{component.ready} of {component.desired} pods of {component.reference} are ready")
    )
    on_down = [pod.name for pod in pods_of(cluster, component) if pod.spec.node_name in down]
    because = Cause.NODE_DOWN if on_down and not component.scaled_down else None
    evidence = [what, *(f"{pod.name}: {_waiting(pod)}" for pod in pods_of(cluster, component) if _waiting(pod))]
    evidence += [f"{name} is on a node that is down" for name in on_down]
    kubectl = f"kubectl --context {cluster.context} -n {component.workload.namespace}"
    mend = f"{kubectl} scale {component.reference} --replicas=1"
    look = f"{kubectl} describe {component.reference}"
    gone = _GONE.get(component.name) if component.ready == 0 else None
    if gone is None:
        short = "none" if component.ready == 0 else f"{component.ready} of {component.desired}"
        gone = _Gone(
            Cause.AGENT_DOWN if component.name == "cilium" else Cause.COMPONENT_SHORT,
            Severity.WARNING,
            f"{{cluster}}: {short} of {component.name}'s pods are ready: {{what}}"
            if component.ready == 0
            else f"{{cluster}}: {short} pods of {component.name} are ready",
            "the others do its work" if component.ready else "",
        )
    return Trouble(
        gone.cause,
        gone.severity,
        (cluster.context,),
        f"{cluster.name}/{component.name}",
        gone.sentence.format(cluster=cluster.name, what=what),
        tuple(evidence),
        gone.still,
        mend if component.scaled_down else look,
        since,
        because,
    )


def is_gone(cluster: Cluster, name: str) -> bool:
    """Whether a cluster that can be read has none of a component left."""
    found = [component for component in components_of(cluster) if component.name == name]
    return cluster.api.phase is Phase.LIVE and bool(found) and all(component.ready == 0 for component in found)


def homes_of(cluster: Cluster, name: str) -> frozenset[str]:
    """`cluster/node` of each node that a component's pods are on; one that nobody has when there are none."""
    found = [component for component in components_of(cluster) if component.name == name]
    nodes = {pod.spec.node_name for component in found for pod in pods_of(cluster, component)}
    return frozenset(f"{cluster.name}/{node}" for node in nodes or {""})


def versions(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """(component, image) of each component's containers."""
    for component in components_of(cluster):
        for container in component.workload.spec.template.spec.containers or ():
            yield f"{component.name}/{container.name}", container.image
