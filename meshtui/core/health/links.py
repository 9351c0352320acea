"""One directed link between two clusters: what its cluster claims, what is observed, the verdict and its cause."""

from __future__ import annotations

from msgspec import Struct

from meshtui.core.health.agentreports import AgentReports, RemoteProbes
from meshtui.core.health.components import APISERVER, homes_of, is_gone
from meshtui.core.health.control import ControlPlaneFault, control_of, standing
from meshtui.core.health.memory import Memory
from meshtui.core.health.model import EARNED_SECONDS, Cause, LinkHealth, Source, Statement, Subject, Verdict, What
from meshtui.core.health.pathhealth import WINDOW, PathHealth, PathState
from meshtui.core.health.traffic import Traffic
from meshtui.core.model.links import LinkClaim, LinkState
from meshtui.core.model.meshes import OTHER_MESH
from meshtui.core.model.state import Cluster, Phase

CAUSES = {
    PathState.CUT: Cause.LINK_CUT,
    PathState.ONE_WAY: Cause.ONE_WAY,
    PathState.OVERLAY: Cause.OVERLAY_BLOCKED,
    PathState.NODES: Cause.LINK_CUT,
    PathState.LOSSY: Cause.LOSSY,
    PathState.LARGE: Cause.MTU,
    PathState.SLOW: Cause.SLOW,
}


_CROSSES_SECONDS = 1.0
"""What a Service tells is in every other cluster by then: measured 0.1 to 0.7 s."""


class KnownFaults(Struct, frozen=True):
    """What is known to be broken beside a link, and explains what it shows."""

    down_nodes: frozenset[str] = frozenset()
    """`cluster/node`."""
    mute_agents: frozenset[str] = frozenset()
    """`cluster/node` whose agent is known not to answer."""


def judge_link(
    cluster: Cluster,
    target: str,
    other: Cluster | None,
    path: PathHealth,
    traffic: Traffic,
    around: KnownFaults,
    memory: Memory,
    reports: AgentReports,
    now: float,
) -> tuple[LinkHealth, ControlPlaneFault | None]:
    """The link from `cluster` to the cluster called `target`, of which `other` is what this session knows."""
    claim = reports.claims.of(cluster, target)
    control = standing(control_of(cluster, target, other, claim, now), cluster, target, memory, now)
    toward = reports.toward(cluster, target)
    verdict, words, causes = _verdict(cluster, other, claim, path, control, around, now)
    claims = _claims(cluster, claim, reports.heard(cluster, now))
    health = LinkHealth(
        Subject(What.LINK, cluster.context, target),
        verdict,
        _with_counts(words, verdict, claim, toward, _older(other, reports.heard(cluster, now), now)),
        0.0,
        claims,
        _observations(cluster, target, toward, traffic, now),
        causes,
        claim.ready,
        claim.agents,
        len(cluster.nodes.keys() - cluster.agents.keys()),
        toward.latency_ms,
        toward.silent if path.state is not PathState.RECOVERING else (),
        claim.shared_services,
    )
    return health, control


def _verdict(
    cluster: Cluster,
    other: Cluster | None,
    claim: LinkState,
    path: PathHealth,
    control: ControlPlaneFault | None,
    around: KnownFaults,
    now: float,
) -> tuple[Verdict, str, tuple[Cause, ...]]:
    """Verdict, the words for it and the causes, the worst first."""
    if claim.claim is LinkClaim.NOT_CONFIGURED and not path.state.bad and path.state is not PathState.OPEN:
        return Verdict.IDLE, claim.words, ()
    bad = Verdict.CONTRADICTED if claim.claim is LinkClaim.READY else Verdict.FAILING
    causes: list[Cause] = []
    words = ""
    if path.state.bad:
        cause, words = _path_words(claim.target, path, around, now)
        causes += [cause, *(CAUSES[each.state] for each in path.also)]
    if control is not None:
        causes.append(control.cause)
        words = words or control.words
    if causes:
        return bad, words, tuple(dict.fromkeys(causes))
    if cluster.api.phase is not Phase.LIVE and not cluster.objects:
        return Verdict.UNKNOWN, "not known yet", ()
    if cluster.api.phase is not Phase.LIVE:
        return Verdict.STALE, f"as of {now - cluster.api.since:.0f} s ago", ()
    if claim.claim in (LinkClaim.DOWN, LinkClaim.PARTLY, LinkClaim.CONNECTING):
        return Verdict.RECOVERING, claim.words, ()
    return _well(claim, path, now)


def _well(claim: LinkState, path: PathHealth, now: float) -> tuple[Verdict, str, tuple[Cause, ...]]:
    said = "ready" if claim.claim is LinkClaim.READY else claim.words
    if path.state is PathState.RECOVERING:
        return Verdict.RECOVERING, f"{said}, requests pass again", ()
    if path.state is PathState.STALE:
        return Verdict.STALE, f"{said}, last proven {now - path.passed_at:.0f} s ago", ()
    if path.state is PathState.UNKNOWN:
        return Verdict.UNKNOWN, f"{said}, not proven yet" if claim.claim is LinkClaim.READY else said, ()
    return Verdict.WELL, said, ()


def _path_words(target: str, path: PathHealth, around: KnownFaults, now: float) -> tuple[Cause, str]:
    """The cause and a link's words for a way that is not open."""
    cause = CAUSES[path.state]
    for_s = f"{max(0.0, now - path.since):.0f} s"
    if path.nodes and around.down_nodes.issuperset(path.nodes):
        return Cause.NODE_DOWN, f"ready, but {len(path.nodes)} of its nodes is down"
    match path.state:
        case PathState.CUT if path.nodes:
            words = f"ready, but {path.nodes[0]} has not been reached for {for_s}"
        case PathState.CUT:
            words = f"ready, but its nodes have not answered for {for_s}"
        case PathState.NODES:
            words = f"ready, but {len(path.nodes)} of its nodes does not answer: {', '.join(path.nodes)}"
        case PathState.ONE_WAY:
            words = f"ready, but nothing from {path.blocked[0]} arrives in {path.blocked[1]}"
        case PathState.OVERLAY:
            words = f"ready, but its pods have not answered for {for_s}; its nodes do"
        case PathState.LOSSY:
            words = f"ready, but {100 * path.share:.0f} % of connections lose packets"
        case PathState.LARGE:
            words = "ready, but large packets are lost"
        case _:
            words = f"slow: {path.latency_ms or 0:.0f} ms, {path.usual_ms or 0:.1f} ms before"
    return cause, words


def _older(other: Cluster | None, heard: float, now: float) -> str:
    """How old the agents' count is, where the other cluster's Services told something else after it or just before."""
    if other is None or not other.announced_at or heard > other.announced_at + _CROSSES_SECONDS:
        return ""
    return f" as of {max(0.0, now - heard):.0f} s ago" if heard else ""


def _with_counts(words: str, verdict: Verdict, claim: LinkState, toward: RemoteProbes, older: str) -> str:
    parts = [words]
    latency = toward.latency_ms
    if latency is not None and verdict in (Verdict.WELL, Verdict.RECOVERING, Verdict.STALE):
        parts.append(f"health {latency:.1f} ms")
    if claim.claim in (LinkClaim.READY, LinkClaim.PARTLY):
        parts.append(f"{claim.shared_services} shared{older}")
    return " · ".join(parts)


def _claims(cluster: Cluster, claim: LinkState, heard: float) -> tuple[Statement, ...]:
    """What agents and KVStoreMesh say. `heard`: when an agent answered last."""
    words = (
        f"{claim.ready} of {claim.agents} agents ready, {claim.connected} connected" if claim.agents else claim.words
    )
    found = [Statement(Source.AGENTS, words, claim.claim is LinkClaim.READY or None, heard)]
    if claim.cache is not None:
        said = "ready" if claim.cache.ready else claim.words
        at = cluster.heard.get(("kvstoremesh", ""), 0.0)
        found.append(Statement(Source.KVSTOREMESH, f"{said}: {claim.cache.status}", claim.cache.ready, at))
    return tuple(found)


def _observations(
    cluster: Cluster, target: str, toward: RemoteProbes, traffic: Traffic, now: float
) -> tuple[Statement, ...]:
    found = []
    tried = cluster.troubleshot.get(target)
    if tried is not None:
        words = "etcd reached" if tried.passed else f"{tried.step.value}: {tried.error}"
        found.append(Statement(Source.TROUBLESHOOT, f"{words} ({tried.endpoint})", tried.passed, tried.at))
    tally = traffic.pair(cluster.name, target, now - WINDOW)
    if tally.requests:
        words = f"{tally.answered} of {tally.requests} connections answered in {WINDOW:.0f} s"
        passed = not (tally.silent or tally.dropped)
        found.append(Statement(Source.FLOWS, words, passed, max(tally.last_passed, tally.last_failed)))
    answered, at = traffic.load_results.answered_at(cluster.name, target, now - EARNED_SECONDS)
    if answered:
        found.append(Statement(Source.LOAD, f"{answered} requests of a load test answered by {target}", True, at))
    return (*toward.statements, *found)


def gone_apiservers(clusters: list[Cluster], around: KnownFaults) -> frozenset[str]:
    """Names of clusters whose clustermesh-apiserver is known to be gone, or was on nodes that are down."""
    return frozenset(
        cluster.name
        for cluster in clusters
        if is_gone(cluster, APISERVER)
        or (around.down_nodes and around.down_nodes.issuperset(homes_of(cluster, APISERVER)))
    )


def stranger(cluster: Cluster, target: str) -> LinkHealth:
    """What is said where no link is meant to be: the other cluster is of another mesh."""
    return LinkHealth(Subject(What.LINK, cluster.context, target), Verdict.IDLE, OTHER_MESH)


def remembered(health: LinkHealth, memory: Memory, path: PathHealth, now: float) -> LinkHealth:
    """The link with the time since which its verdict is held."""
    return memory.dated(health, now, path.since if path.state.bad else 0.0)
