"""One report of all clusters as plain data: verdicts, both directions of every link, components, findings.

`core.findings.schema` describes it; what is in it stays, more may come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from meshtui.core.errors import MeshtuiError
from meshtui.core.findings.model import Finding
from meshtui.core.health.components import components_of, pods_of
from meshtui.core.health.model import Judged, Judgement, LinkHealth, Statement, Verdict
from meshtui.core.health.nodes import ready_condition
from meshtui.core.health.words import headline
from meshtui.core.model.ciliumstatus import RemoteCluster
from meshtui.core.model.links import link
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Mesh, Phase

VERSION = 2


def report(
    mesh: Mesh, judgement: Judgement, found: Sequence[Finding], problems: Mapping[str, MeshtuiError]
) -> dict[str, Any]:
    """Everything that is known. `problems`: context → why nothing new is known of it."""
    names = {cluster.context: cluster.name for cluster in mesh.clusters.values()}
    verdict, summary = headline(judgement, names)
    return {
        "version": VERSION,
        "at": moment(judgement.at),
        "verdict": verdict.value,
        "summary": summary,
        "clusters": [_cluster(c, judgement, problems.get(c.context)) for c in mesh.clusters.values()],
        "links": [_link(mesh, judged, judgement.at) for judged in judgement.links.values()],
        "services": [
            {"service": key, **_judged(judged, judgement.at), "requests": judged.requests, "failed": judged.failed}
            for key, judged in sorted(judgement.services.items())
        ],
        "findings": [finding_json(mesh, finding) for finding in found],
    }


def failing(judgement: Judgement) -> bool:
    """Whether anything is failing by all that is known: what makes `status` exit with 1."""
    bad = any(judged.verdict.bad for judged in judgement.all())
    return bad or any(trouble.severity is not Severity.INFO for trouble in judgement.troubles)


def unproven(judgement: Judgement) -> list[Judged]:
    """Clusters, nodes and links that nothing new was heard of: neither well nor failing, and so no green."""
    doubted = (Verdict.UNKNOWN, Verdict.STALE)
    subjects = [*judgement.nodes.values(), *judgement.links.values()]
    found = [judged for judged in subjects if judged.verdict in doubted]
    told = {judged.subject.context for judged in found}
    whole = judgement.clusters.values()
    return [c for c in whole if c.verdict in doubted and c.subject.context not in told] + found


def settled(judgement: Judgement) -> bool:
    """Whether all of it is well and proven: what `status --wait` waits for."""
    subjects = [*judgement.clusters.values(), *judgement.nodes.values(), *judgement.links.values()]
    subjects += [judged for judged in judgement.services.values() if judged.verdict.bad]
    proven = all(judged.verdict in (Verdict.WELL, Verdict.IDLE) for judged in subjects)
    return bool(subjects) and proven and not failing(judgement)


def moment(at: float) -> str | None:
    """RFC 3339 in UTC; None for what has no time."""
    if at <= 0:
        return None
    return datetime.fromtimestamp(at, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _judged(judged: Judged, now: float) -> dict[str, Any]:
    return {
        "verdict": judged.verdict.value,
        "detail": judged.words,
        "since": moment(judged.since),
        "causes": [cause.value for cause in judged.causes],
        "claims": [_statement(each, now) for each in judged.claims],
        "observations": [_statement(each, now) for each in judged.observations],
    }


def _statement(said: Statement, now: float) -> dict[str, Any]:
    age = said.age(now)
    return {
        "source": said.source.value,
        "text": said.text,
        "passed": said.passed,
        "age_seconds": None if age is None else round(age, 1),
    }


def _cluster(cluster: Cluster, judgement: Judgement, problem: MeshtuiError | None) -> dict[str, Any]:
    problem = problem or problem_of(cluster)
    version = cluster.config.version if cluster.config else (0, 0)
    ready = sum(_ready(node) for node in cluster.nodes.values())
    relay = cluster.relay
    expected = len(cluster.nodes) or len(cluster.agents) + len(cluster.agent_errors)
    live = cluster.api.phase is Phase.LIVE
    return {
        "context": cluster.context,
        "also": list(cluster.aliases),
        "cluster": cluster.name,
        "id": cluster.id or None,
        "state": cluster.api.phase.value if problem is None or not live else "degraded",
        **_judged(judgement.cluster(cluster.context), judgement.at),
        "kubernetes": cluster.version,
        "cilium": f"{version[0]}.{version[1]}" if version != (0, 0) else None,
        "nodes": {"ready": ready, "total": len(cluster.nodes)} if cluster.nodes else None,
        "agents": {"ready": len(cluster.agents), "total": expected} if expected else None,
        "relay": relay.link.phase.value + (f" ({relay.source.value})" if relay.link.phase is Phase.LIVE else ""),
        "problem": str(problem) if problem else None,
        "next": problem.hint if problem else None,
        "components": _components(cluster, judgement),
        "node_list": [_node(cluster, name, judgement) for name in sorted(cluster.nodes)],
    }


def _components(cluster: Cluster, judgement: Judgement) -> list[dict[str, Any]]:
    found = []
    for component in components_of(cluster):
        judged = judgement.components.get((cluster.context, component.name))
        containers = component.workload.spec.template.spec.containers or ()
        pods = pods_of(cluster, component)
        found.append(
            {
                "component": component.name,
                "workload": component.reference,
                "desired": component.desired,
                "ready": component.ready,
                "verdict": judged.verdict.value if judged else Verdict.UNKNOWN.value,
                "restarts": sum(c.restart_count for pod in pods for c in pod.status.container_statuses or ()),
                "images": {container.name: container.image for container in containers},
            }
        )
    return found


def _node(cluster: Cluster, name: str, judgement: Judgement) -> dict[str, Any]:
    status = cluster.agents.get(name)
    failing_controllers = status.failing_controllers if status else ()
    error = cluster.agent_errors.get(name)
    return {
        "node": name,
        **_judged(judgement.node(cluster.context, name), judgement.at),
        "agent": status.cilium.state if status else None,
        "agent_version": status.cilium.msg if status else None,
        "agent_error": str(error) if error else None,
        "failing_controllers": [
            {"name": c.name, "failures": c.status.consecutive_failure_count, "error": c.status.last_failure_msg}
            for c in failing_controllers
        ],
    }


def _link(mesh: Mesh, judged: LinkHealth, now: float) -> dict[str, Any]:
    cluster = mesh.clusters[judged.subject.context]
    claim = link(cluster, judged.subject.name)
    return {
        "context": cluster.context,
        "from": cluster.name,
        "to": judged.subject.name,
        "state": claim.claim.value,
        **_judged(judged, now),
        "agents": {"ready": judged.ready, "total": len(cluster.nodes) or judged.agents} if judged.agents else None,
        "agents_configured": claim.configured,
        "agents_connected": claim.connected,
        "agents_ready": claim.ready,
        "agents_unheard": judged.unheard,
        "latency_ms": judged.latency_ms,
        "shared_services": judged.shared_services,
        "silent_nodes": list(judged.silent_nodes),
        "kvstoremesh": _remote(claim.cache) if claim.cache else None,
        "by_node": {node: _remote(remote) if remote else None for node, remote in claim.seen},
    }


def _remote(remote: RemoteCluster) -> dict[str, Any]:
    synced = remote.synced
    names = ("nodes", "endpoints", "identities", "services", "service_exports", "endpoint_slices")
    return {
        "configured": True,
        "connected": remote.connected,
        "ready": remote.ready,
        "status": remote.status,
        "synced": {name: getattr(synced, name) for name in names} if synced else None,
        "nodes": remote.num_nodes,
        "endpoints": remote.num_endpoints,
        "identities": remote.num_identities,
        "services": remote.num_shared_services,
        "failures": remote.num_failures,
        "last_failure": None if remote.last_failure.startswith("0001") else remote.last_failure or None,
    }


def _ready(node: Any) -> bool:
    condition = ready_condition(node)
    return condition is not None and condition.status == "True"


def problem_of(cluster: Cluster) -> MeshtuiError | None:
    """The first thing that could not be read of a cluster that answers."""
    broken = [link.error for link in cluster.watches.values() if link.error is not None and link.phase is Phase.FAILED]
    asked = [cluster.config_error, *cluster.agent_errors.values(), cluster.access_error]
    found = [*broken, *asked, cluster.relay.link.error]
    return next((error for error in found if error is not None), None)


def namespace_of(mesh: Mesh, finding: Finding) -> str:
    """The namespace a finding is in; empty for one of the mesh, a cluster, a node or a component."""
    head, slash, _ = finding.object.split()[-1].partition("/") if finding.object.split() else ("", "", "")
    return "" if not slash or any(head == cluster.name for cluster in mesh.clusters.values()) else head


def finding_json(mesh: Mesh, finding: Finding) -> dict[str, Any]:
    """A finding as plain data, with the commands that would mend it."""
    return {
        "severity": finding.severity.name.lower(),
        "clusters": [mesh.clusters[context].name for context in finding.contexts],
        "contexts": list(finding.contexts),
        "object": finding.object,
        "kind": finding.kind.name,
        "finding": finding.sentence,
        "evidence": list(finding.evidence),
        "since": moment(finding.since),
        "still_works": finding.still,
        "because": finding.because.name if finding.because else None,
        "cannot_be_seen": finding.hiding,
        "advice": finding.advice,
        "fixes": [
            {
                "context": fix.context,
                "service": fix.service_key,
                "annotation": fix.annotation or fix.what,
                "value": fix.value,
            }
            for fix in finding.fixes
        ],
    }
