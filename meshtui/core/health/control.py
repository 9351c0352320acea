"""A cluster's way to another's etcd: what stops KVStoreMesh, in its own troubleshoot's words."""

from __future__ import annotations

from msgspec import Struct

from meshtui.core.health.memory import Memory
from meshtui.core.health.model import Cause
from meshtui.core.model.links import LinkClaim, LinkState
from meshtui.core.model.state import Cluster
from meshtui.core.model.troubleshoot import Step, Troubleshot

FRESH = 180.0
"""An attempt older than this says nothing any more; one is made every minute."""


class ControlPlaneFault(Struct, frozen=True):
    """Why one cluster does not learn from another."""

    cause: Cause
    words: str
    evidence: tuple[str, ...]
    command: str
    since: float = 0.0
    tried: Troubleshot | None = None

    @property
    def lost_packets(self) -> bool:
        """Whether packets that went missing could explain it."""
        step = self.tried.step if self.tried else Step.NONE
        return self.tried is None or step is Step.ETCD or _timed_out(self.tried.error)


CLAIM_PATIENCE = 30.0
"""Seconds agents may take to be ready again after they or a clustermesh-apiserver restarted."""
RECONNECT_PATIENCE = 90.0
"""Seconds KVStoreMesh may take to connect once its way is known to be free (recording 14: 72 s)."""


def standing(
    control: ControlPlaneFault | None, cluster: Cluster, target: str, memory: Memory, now: float
) -> ControlPlaneFault | None:
    """What lasts for longer than it takes to connect anew, or is proven by an attempt."""
    if control is None or control.tried is not None:
        return control
    tried = cluster.troubleshot.get(target)
    patience = RECONNECT_PATIENCE if tried is not None and tried.passed else CLAIM_PATIENCE
    first = memory.since(("claimed", cluster.context, target), now)
    return control if now - first >= patience else None


def control_of(
    cluster: Cluster, target: str, other: Cluster | None, claim: LinkState, now: float
) -> ControlPlaneFault | None:
    """What stops `cluster` from learning of `target`'s changes; None when nothing is known to."""
    tried = cluster.troubleshot.get(target)
    if tried is not None and now - tried.at > FRESH:
        tried = None
    command = (
        f"kubectl --context {cluster.context} -n {cluster.home} exec deploy/clustermesh-apiserver -c kvstoremesh -- "
        f"clustermesh-apiserver kvstoremesh-dbg troubleshoot {target}"
    )
    if tried is not None and not tried.passed:
        cause, words = _told(tried, other)
        evidence = [f"{cluster.name} → {tried.endpoint}: {tried.step.value}: {tried.error}"]
        if claim.claim not in (LinkClaim.READY, LinkClaim.UNKNOWN):
            evidence.append(claim.words)
        return ControlPlaneFault(cause, words, tuple(evidence), command, tried.at, tried)
    if claim.claim in (LinkClaim.DOWN, LinkClaim.PARTLY, LinkClaim.CONNECTING):
        since = 0.0
        words = claim.words
        if claim.claim is LinkClaim.CONNECTING and "synchronization in progress" in words:
            return ControlPlaneFault(Cause.NOT_SYNCED, words, (words,), command, since)
        return ControlPlaneFault(Cause.CONTROL_PLANE, words, (f"{cluster.name} → {target}: {words}",), command, since)
    return None


def _told(tried: Troubleshot, other: Cluster | None) -> tuple[Cause, str]:
    """Cause and words of an attempt that failed."""
    error = tried.error.lower()
    host = tried.endpoint.rpartition("://")[2]
    if tried.step is Step.NAME:
        return Cause.NAME_UNRESOLVED, f"the name {host.rpartition(':')[0]} does not resolve"
    if "expired" in error:
        return Cause.CERTIFICATE_EXPIRED, f"the certificate at {host} has expired or is not yet valid"
    if "x509" in error or "certificate" in error or "unknown authority" in error:
        return Cause.CERTIFICATE, f"no trust between the two: {_plain(tried.error)}"
    if tried.step is Step.TCP and _timed_out(error):
        return Cause.CONTROL_BLOCKED, f"{host} gives no answer"
    if tried.step is Step.TCP:
        known = _addresses(other)
        address = tried.address or host.rpartition(":")[0]
        if known and address not in known:
            return Cause.WRONG_ADDRESS, f"{host} is no address of {tried.cluster}: {tried.error}"
        return Cause.CONTROL_PLANE, f"nobody listens at {host}: {tried.error}"
    if _timed_out(error):
        return Cause.CONTROL_BLOCKED, f"{host} gives no answer to {tried.step.value}"
    return Cause.CONTROL_PLANE, f"{tried.step.value} at {host}: {tried.error}"


def _plain(error: str) -> str:
    """The part of a TLS error that names the reason."""
    return error.partition(" (possibly")[0].rpartition("x509: ")[2]


def _timed_out(error: str) -> bool:
    return "timeout" in error.lower() or "deadline exceeded" in error.lower()


def _addresses(other: Cluster | None) -> frozenset[str]:
    """All addresses that a cluster's clustermesh-apiserver may be reached at, as far as its objects tell."""
    if other is None:
        return frozenset()
    nodes = {a.address for node in other.nodes.values() for a in node.status.addresses or ()}
    service = other.services.get(f"{other.home}/clustermesh-apiserver")
    if service is not None and service.spec.type == "LoadBalancer":
        return frozenset()  # its balancer's addresses are not read
    return frozenset(nodes | ({service.spec.cluster_ip} if service else set()))
