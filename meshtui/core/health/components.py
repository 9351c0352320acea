"""The parts that a mesh needs in each cluster: agents, operator, Relay, clustermesh-apiserver, Envoy, DNS."""

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
"""Seconds a restarting part may take before it is missing: a pod that comes back is no fault."""
PATIENCE = 90.0
"""Seconds a part may be short of some of its pods: that is what a rollout looks like."""
SYSTEM = "kube-system"
DNS, APISERVER, RELAY = "DNS", "clustermesh-apiserver", "hubble-relay"
_CRASHING = ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError")


class _Gone(Struct, frozen=True):
    """What it means when nothing is left of a part."""

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


class Part(Struct, frozen=True):
    """One part of a cluster that the mesh needs."""

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


def parts(cluster: Cluster) -> list[Part]:
    """The parts there are, as far as Deployments and DaemonSets were listed."""
    found = []
    for item in cluster.of(r.DEPLOYMENTS).values():
        name = _part_of(cluster, item)
        if name:
            desired = 1 if item.spec.replicas is None else item.spec.replicas
            found.append(Part(name, r.DEPLOYMENTS, item, desired, item.status.ready_replicas))
    for item in cluster.of(r.DAEMONSETS).values():
        name = _part_of(cluster, item)
        if name:
            status = item.status
            found.append(Part(name, r.DAEMONSETS, item, status.desired_number_scheduled, status.number_ready))
    return sorted(found, key=lambda part: part.name)


def _part_of(cluster: Cluster, item: o.Object) -> str:
    if item.namespace == SYSTEM and item.labels.get("k8s-app") == "kube-dns":
        return DNS
    return _NAMES.get(item.name, "") if item.namespace == cluster.home else ""


def judge_parts(
    cluster: Cluster,
    crews: list[Part],
    memory: Memory,
    now: float,
    down: frozenset[str],
    mute: frozenset[str] = frozenset(),
) -> tuple[list[Judged], list[Trouble]]:
    """Each part's verdict, and what is wrong. `crews`: its parts with their pods; `down`: nodes known to be down;
    `mute`: whose agent has its trouble.
    """
    judged, troubles = [], []
    for part in crews:
        told = down | mute if part.name == "cilium" else down
        missing = _missing_since(cluster, part, memory, now, told)
        short = part.ready < part.desired
        verdict, words, cause = _verdict(part, missing is not None, short and _all_down(cluster, part, down))
        if missing is not None:
            trouble = _trouble(cluster, part, missing, down)
            troubles.append(trouble)
            cause = trouble.cause
        subject = Subject(What.COMPONENT, cluster.context, part.name)
        restarts = sum(c.restart_count for pod in pods_of(cluster, part) for c in pod.status.container_statuses or ())
        claims = [Statement(Source.OBJECTS, words, part.ready == part.desired, now)]
        if restarts:
            claims.append(Statement(Source.OBJECTS, f"{restarts} restarts", None, now))
        causes = (cause,) if cause else ()
        judged.append(memory.dated(Judged(subject, verdict, words, 0.0, tuple(claims), (), causes), now))
    return judged, troubles


def _verdict(part: Part, missing: bool, on_down: bool) -> tuple[Verdict, str, Cause | None]:
    words = f"{part.ready}/{part.desired}"
    if missing:
        return Verdict.FAILING, words if part.desired else "scaled to 0", None
    if part.ready < part.desired and on_down:
        return Verdict.FAILING, f"{words}, the rest on a node that is down", Cause.NODE_DOWN
    if part.ready < part.desired:
        return Verdict.RECOVERING, f"{words} restarting", None
    return Verdict.WELL, words, None


def _missing_since(cluster: Cluster, part: Part, memory: Memory, now: float, down: frozenset[str]) -> float | None:
    """Since when it is missing or short for longer than a restart takes; None when it is not."""
    key = ("part", cluster.context, part.reference)
    if part.scaled_down and part.name in _GONE:
        return memory.since(key, now, part.changed_at)
    if part.ready >= part.desired:
        return None
    first = memory.since(key, now, part.changed_at or _unready_at(cluster, part))
    if part.name not in _GONE and _all_down(cluster, part, down):
        return None  # the node's own trouble says it
    if part.ready == 0 and (now - first >= GRACE or _crashing(cluster, part)):
        return first
    return first if now - first >= PATIENCE and not _all_down(cluster, part, down) else None


def _all_down(cluster: Cluster, part: Part, down: frozenset[str]) -> bool:
    """Whether all of its pods that are not ready are on nodes that are down."""
    short_of = [pod for pod in pods_of(cluster, part) if not _ready(pod)]
    return bool(short_of) and all(pod.spec.node_name in down for pod in short_of)


def _unready_at(cluster: Cluster, part: Part) -> float:
    """When the first of its pods that is not ready became so."""
    times = [
        moment(condition.last_transition_time or "")
        for pod in pods_of(cluster, part)
        for condition in pod.status.conditions or ()
        if condition.type == "Ready" and condition.status != "True"
    ]
    return min((at for at in times if at), default=0.0)


def pods_of(cluster: Cluster, part: Part) -> list[o.Pod]:
    """A part's pods, by its selector."""
    return [pod for pod in cluster.pods.values() if part.selects(pod)] if part.own is None else list(part.own)


def _ready(pod: o.Pod) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or ())


def _crashing(cluster: Cluster, part: Part) -> bool:
    return any(_waiting(pod) for pod in pods_of(cluster, part))


def _waiting(pod: o.Pod) -> str:
    """Why a container of it does not start, when it tried and failed."""
    for status in pod.status.container_statuses or ():
        waiting = status.state.waiting
        if waiting is not None and waiting.reason in _CRASHING:
            return f"{status.name}: {waiting.reason}"
    return ""


def _trouble(cluster: Cluster, part: Part, since: float, down: frozenset[str]) -> Trouble:
    what = (
        f"{part.reference} is scaled to 0"
        if part.scaled_down
        else (f"{part.ready} of {part.desired} pods of {part.reference} are ready")
    )
    on_down = [pod.name for pod in pods_of(cluster, part) if pod.spec.node_name in down]
    because = Cause.NODE_DOWN if on_down and not part.scaled_down else None
    evidence = [what, *(f"{pod.name}: {_waiting(pod)}" for pod in pods_of(cluster, part) if _waiting(pod))]
    evidence += [f"{name} is on a node that is down" for name in on_down]
    kubectl = f"kubectl --context {cluster.context} -n {part.workload.namespace}"
    mend = f"{kubectl} scale {part.reference} --replicas=1"
    look = f"{kubectl} describe {part.reference}"
    gone = _GONE.get(part.name) if part.ready == 0 else None
    if gone is None:
        short = "none" if part.ready == 0 else f"{part.ready} of {part.desired}"
        gone = _Gone(
            Cause.AGENT_DOWN if part.name == "cilium" else Cause.COMPONENT_SHORT,
            Severity.WARNING,
            f"{{cluster}}: {short} of {part.name}'s pods are ready: {{what}}"
            if part.ready == 0
            else f"{{cluster}}: {short} pods of {part.name} are ready",
            "the others do its work" if part.ready else "",
        )
    return Trouble(
        gone.cause,
        gone.severity,
        (cluster.context,),
        f"{cluster.name}/{part.name}",
        gone.sentence.format(cluster=cluster.name, what=what),
        tuple(evidence),
        gone.still,
        mend if part.scaled_down else look,
        since,
        because,
    )


def is_gone(cluster: Cluster, name: str) -> bool:
    """Whether a cluster that can be read has none of a part left."""
    found = [part for part in parts(cluster) if part.name == name]
    return cluster.api.phase is Phase.LIVE and bool(found) and all(part.ready == 0 for part in found)


def homes_of(cluster: Cluster, name: str) -> frozenset[str]:
    """`cluster/node` of each node that a part's pods are on; one that nobody has when there are none."""
    found = [part for part in parts(cluster) if part.name == name]
    nodes = {pod.spec.node_name for part in found for pod in pods_of(cluster, part)}
    return frozenset(f"{cluster.name}/{node}" for node in nodes or {""})


def versions(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """(part, image) of each part's containers."""
    for part in parts(cluster):
        for container in part.workload.spec.template.spec.containers or ():
            yield f"{part.name}/{container.name}", container.image
