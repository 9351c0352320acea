"""Nodes and the agents on them: which are down, which do not answer, and whom we may not ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache, partial

from meshtui.core.errors import Forbidden, MeshtuiError, NotFound, TimedOut, Unreachable
from meshtui.core.health.memory import Memory
from meshtui.core.health.model import Cause, Judged, Source, Statement, Subject, Trouble, Verdict, What
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.ciliumstatus import AgentStatus, Controller
from meshtui.core.model.probes import moment
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Phase

_HEARD_SECONDS = 120.0
_TURN_SECONDS = 1_800.0
"""So long an agent may wait for its turn while others of its cluster are heard: thousands are asked in turn."""
_AS_BEFORE_SECONDS = 10.0
"""So long the verdict of a node without trouble stands, as of when it was made."""
AGENT = "cilium"
CONTROLLER_FAILURES = 10
"""Failures in a row after which a controller does not mend itself."""
_OF_LINKS = "remote-etcd-"
_STARTING = 120.0
"""Seconds after its start in which an agent's controllers may fail: what they need is not there yet."""
_GRACE = 20.0
Agents = Callable[[], dict[str, o.Pod]]
"""Gives node → its agent's pod: who asks walks over all pods of the cluster."""


class Silence(Enum):
    """Why an agent did not answer."""

    HUNG = "does not answer"
    KUBELET = "its kubelet does not answer"
    STARTING = "is not running"
    FORBIDDEN = "may not be asked"
    API = "the API server does not answer"
    OTHER = "answers with an error"


def silence(error: MeshtuiError) -> Silence:
    """Whose doing it is that an exec failed: the agent's, its node's, our rights' or the API server's."""
    words = f"{error.title} {error.cause}".lower()
    if isinstance(error, Forbidden):
        return Silence.FORBIDDEN
    if ":10250" in words or "kubelet" in words or "dialing backend" in words:
        return Silence.KUBELET
    if isinstance(error, NotFound) or "container not found" in words or "not running" in words:
        return Silence.STARTING
    if isinstance(error, Unreachable):
        return Silence.API
    if isinstance(error, TimedOut) or "did not answer" in words or "timed out" in words or "deadline" in words:
        return Silence.HUNG
    return Silence.OTHER


def ready_condition(node: o.Node) -> o.Condition | None:
    """A node's Ready condition."""
    return next((c for c in node.status.conditions or () if c.type == "Ready"), None)


def judge_nodes(cluster: Cluster, memory: Memory, now: float) -> tuple[list[Judged], list[Trouble]]:
    """Each node's verdict with its agent's, and what is wrong."""
    judged, troubles = [], []
    agents = cache(partial(_agents, cluster))
    for name, node in sorted(cluster.nodes.items()):
        known = _as_before(cluster, node, memory, now)
        if known is not None:
            judged.append(known)
            continue
        trouble = _node_trouble(cluster, node, memory, now) or _agent_trouble(cluster, name, agents, memory, now)
        if trouble is not None:
            troubles.append(trouble)
        else:
            troubles += _controllers_trouble(cluster, name, agents, memory, now)
        made = memory.dated(_judged(cluster, node, trouble, now), now, trouble.since if trouble else 0.0)
        judged.append(made)
        if trouble is None and _stands(cluster, name, made.verdict):
            memory.nodes[cluster.context, name] = _basis(cluster, node), made, now
    return judged, troubles


def _basis(cluster: Cluster, node: o.Node) -> tuple[object, ...]:
    """What the verdict of a node without trouble is made from: of thousands few are another than a second ago."""
    name = node.metadata.name
    heard = cluster.heard.get(("agent", name), 0.0)
    return node, cluster.agents.get(name), cluster.agent_errors.get(name), heard, cluster.config is None


def _unheard(cluster: Cluster, heard: float, now: float) -> bool:
    """Whether what an agent said is old: nobody of its cluster was heard since, or its turn never came."""
    if now - heard <= _HEARD_SECONDS:
        return False
    others = any(what == "agent" and now - at <= _HEARD_SECONDS for (what, _), at in cluster.heard.items())
    return not others or now - heard > _TURN_SECONDS


def _unsettled(status: AgentStatus | None) -> bool:
    """Whether an agent says something that only becomes a trouble when it lasts."""
    return status is not None and (status.cilium.state not in ("", "Ok") or bool(_failing_controllers(status)))


def _stands(cluster: Cluster, node: str, verdict: Verdict) -> bool:
    """Whether time alone changes nothing of a verdict: nothing waits to become a trouble, and no age is told in it."""
    error = cluster.agent_errors.get(node)
    if error is not None and silence(error) is not Silence.FORBIDDEN:
        return False
    return verdict in (Verdict.WELL, Verdict.UNKNOWN) and not _unsettled(cluster.agents.get(node))


def _as_before(cluster: Cluster, node: o.Node, memory: Memory, now: float) -> Judged | None:
    """The verdict of a node that had no trouble, and of which nothing was told since but when it is."""
    held = memory.nodes.get((cluster.context, node.metadata.name))
    basis = _basis(cluster, node)
    heard = cluster.heard.get(("agent", node.metadata.name), 0.0)
    old = held is not None and now - held[2] > _AS_BEFORE_SECONDS
    if held is None or old or held[0] != basis or (heard and _unheard(cluster, heard, now)):
        memory.nodes.pop((cluster.context, node.metadata.name), None)
        return None
    return held[1]


def down_nodes(troubles: list[Trouble], cluster: Cluster) -> frozenset[str]:
    """Names of a cluster's nodes that are down."""
    mine = [t for t in troubles if t.cause is Cause.NODE_DOWN and cluster.context in t.contexts]
    return frozenset(trouble.object.rpartition("/")[2] for trouble in mine)


def mute_agents(troubles: list[Trouble]) -> frozenset[str]:
    """Names of the nodes whose agent has a trouble of its own."""
    mine = (t for t in troubles if t.cause in (Cause.AGENT_HUNG, Cause.AGENT_DOWN))
    return frozenset(trouble.object.rpartition("/")[2] for trouble in mine)


def _agents(cluster: Cluster) -> dict[str, o.Pod]:
    """Node → its agent's pod."""
    return {
        pod.spec.node_name: pod
        for pod in cluster.pods.values()
        if pod.namespace == cluster.home and pod.labels.get("k8s-app") == AGENT
    }


def _node_trouble(cluster: Cluster, node: o.Node, memory: Memory, now: float) -> Trouble | None:
    condition = ready_condition(node)
    error = cluster.agent_errors.get(node.name)
    evidence: list[str] = []
    since = 0.0
    if condition is not None and _waits_for_network(condition):
        return None  # there is no CNI plugin yet: nothing is broken
    if condition is not None and condition.status != "True":
        word = "NotReady" if condition.status == "False" else "Unknown"
        evidence.append(f"Ready is {word}: {condition.message or condition.reason}")
        since = moment(condition.last_transition_time or "")
    elif error is not None and silence(error) is Silence.KUBELET:
        since = cluster.unheard.get(("agent", node.name), 0.0)
        evidence.append(f"{Silence.KUBELET.value}: {error.cause or error.title}")
    else:
        return None
    first = memory.since(("node", cluster.context, node.name), now, since)
    others = sum(1 for each in cluster.nodes.values() if each is not node and _is_ready(each))
    return Trouble(
        Cause.NODE_DOWN,
        Severity.ERROR,
        (cluster.context,),
        f"{cluster.name}/{node.name}",
        f"node {node.name} of {cluster.name} is down",
        tuple(evidence),
        f"{others} other nodes of {cluster.name} are ready" if others else "",
        f"kubectl --context {cluster.context} describe node {node.name}",
        first,
    )


def _waits_for_network(condition: o.Condition) -> bool:
    """Whether a node is NotReady for want of a CNI plugin alone, as the kubelet says (recorded: step 0-no-cni)."""
    return condition.status == "False" and "NetworkPluginNotReady" in (condition.message or "")


def _is_ready(node: o.Node) -> bool:
    condition = ready_condition(node)
    return condition is not None and condition.status == "True"


def _agent_trouble(cluster: Cluster, node: str, agents: Agents, memory: Memory, now: float) -> Trouble | None:
    error = cluster.agent_errors.get(node)
    where = f"{cluster.name}/{node}"
    if error is not None:
        kind = silence(error)
        since = cluster.unheard.get(("agent", node), 0.0)
        if kind is Silence.HUNG and cluster.heard.get(("api", ""), now) <= since:
            return None  # nor has the API server answered since: it may be that
        if kind is Silence.HUNG:
            return _agent(
                cluster, Cause.AGENT_HUNG, node, agents, f"the agent on {where} does not answer", error, since
            )
        first = memory.since(("agent", cluster.context, node), now, since)
        if kind in (Silence.STARTING, Silence.OTHER) and now - first >= _GRACE:
            words = f"the agent on {where} {kind.value}"
            return _agent(cluster, Cause.AGENT_DOWN, node, agents, words, error, first)
        return None
    status = cluster.agents.get(node)
    if status is not None and status.cilium.state not in ("", "Ok"):
        first = memory.since(("unwell", cluster.context, node), now)
        if now - first < _GRACE and cluster.heard.get(("agent", node), 0.0):
            return None
        said = f"{status.cilium.state} {status.cilium.msg}".strip()
        told = MeshtuiError(said)
        return _agent(cluster, Cause.AGENT_DOWN, node, agents, f"the agent on {where} is not well", told, first)
    return None


def _agent(
    cluster: Cluster,
    cause: Cause,
    node: str,
    agents: Agents,
    sentence: str,
    error: MeshtuiError,
    since: float,
) -> Trouble:
    pod = agents().get(node)
    name = pod.name if pod else f"-l k8s-app={AGENT}"
    return Trouble(
        cause,
        Severity.WARNING,
        (cluster.context,),
        f"{cluster.name}/{node}",
        f"{sentence}: {error}" if cause is Cause.AGENT_DOWN else sentence,
        (str(error),),
        "pods on it go on with the rules and backends of that moment",
        f"kubectl --context {cluster.context} -n {cluster.home} logs {name} -c cilium-agent --tail 20",
        since,
    )


def _judged(cluster: Cluster, node: o.Node, trouble: Trouble | None, now: float) -> Judged:
    condition = ready_condition(node)
    claims = []
    if condition is not None:
        word = {"True": "Ready", "False": "NotReady"}.get(condition.status, "Unknown")
        claims.append(Statement(Source.OBJECTS, word, condition.status == "True", now))
    claims += list(_agent_says(cluster, node.name))
    subject = Subject(What.NODE, cluster.context, node.name)
    heard = cluster.heard.get(("agent", node.name), 0.0)
    observations = [Statement(Source.AGENTS, "answered", True, heard)] if heard else []
    if trouble is not None:
        verdict, words = Verdict.FAILING, trouble.cause.value
        if trouble.cause is Cause.AGENT_HUNG and condition is not None and condition.status == "True":
            verdict = Verdict.CONTRADICTED
        return Judged(subject, verdict, words, 0.0, tuple(claims), tuple(observations), (trouble.cause,))
    verdict, words = _well(cluster, node, heard, now)
    return Judged(subject, verdict, words, 0.0, tuple(claims), tuple(observations))


def _agent_says(cluster: Cluster, node: str) -> Iterator[Statement]:
    status = cluster.agents.get(node)
    if status is None:
        return
    at = cluster.heard.get(("agent", node), 0.0)
    well = status.cilium.state in ("", "Ok")
    yield Statement(Source.AGENTS, f"{status.cilium.state} {status.cilium.msg}".strip(), well, at)
    failing = _failing_controllers(status)
    if failing:
        first = failing[0]
        words = f"{len(failing)} controllers fail, {first.name}: {first.status.last_failure_msg}"
        yield Statement(Source.AGENTS, words, False, at)


def _failing_controllers(status: AgentStatus) -> list[Controller]:
    """Those that fail again and again; what looks for another cluster's configuration is judged with its link."""
    return [
        each
        for each in status.failing_controllers
        if each.status.consecutive_failure_count >= CONTROLLER_FAILURES and not each.name.startswith(_OF_LINKS)
    ]


def _controllers_trouble(cluster: Cluster, node: str, agents: Agents, memory: Memory, now: float) -> Iterator[Trouble]:
    """Controllers of an agent that answers and is past its start; they fail in one answer after another."""
    status = cluster.agents.get(node)
    failing = _failing_controllers(status) if status is not None else []
    if not failing:
        return
    first = memory.since(("controllers", cluster.context, node), now)
    pod = agents().get(node)
    if now - first < _GRACE or 0 <= now - _started(pod) < _STARTING:
        return
    worst = failing[0]
    sentence = f"{len(failing)} controllers of the agent on {cluster.name}/{node} fail"
    if len(failing) == 1:
        sentence = f"the controller {worst.name} of the agent on {cluster.name}/{node} fails"
    target = pod.name if pod else f"ds/{AGENT}"
    yield Trouble(
        Cause.CONTROLLERS_FAILING,
        Severity.WARNING,
        (cluster.context,),
        f"{cluster.name}/{node}",
        f"{sentence}: {worst.status.last_failure_msg or 'no reason told'}",
        tuple(
            f"{each.name}: {each.status.consecutive_failure_count} failures in a row: {each.status.last_failure_msg}"
            for each in failing[:5]
        ),
        "the agent answers, and what it wrote until then still holds",
        f"kubectl --context {cluster.context} -n {cluster.home} exec {target} -c cilium-agent -- "
        "cilium-dbg status --all-controllers",
        first,
    )


def _started(pod: o.Pod | None) -> float:
    """When an agent became ready last, by its cluster's clock; 0 where that is not known."""
    conditions = (pod.status.conditions if pod else None) or ()
    return max((moment(c.last_transition_time or "") for c in conditions if c.type == "Ready"), default=0.0)


def _well(cluster: Cluster, node: o.Node, heard: float, now: float) -> tuple[Verdict, str]:
    if not _is_ready(node):
        condition = ready_condition(node)
        waits = condition is not None and _waits_for_network(condition)
        return Verdict.UNKNOWN, "no network yet" if waits else "not known yet"
    error = cluster.agent_errors.get(node.name)
    if error is not None:
        return Verdict.UNKNOWN, f"Ready; its agent {silence(error).value}"
    if not heard and not cluster.agents.get(node.name):
        no_cilium = cluster.config is None and cluster.config_error is not None
        return (Verdict.WELL, "Ready") if no_cilium else (Verdict.UNKNOWN, "Ready; its agent was not asked yet")
    if heard and _unheard(cluster, heard, now):
        return Verdict.STALE, f"Ready; its agent was heard {now - heard:.0f} s ago"
    return Verdict.WELL, "Ready"


def no_exec(clusters: list[Cluster]) -> Iterator[Trouble]:
    """The missing right to ask agents, told once for all clusters that refuse it."""
    refused = [
        cluster
        for cluster in clusters
        if cluster.agent_errors
        and all(isinstance(error, Forbidden) for error in cluster.agent_errors.values())
        and not cluster.agents
    ]
    if not refused:
        return
    names = " and ".join(cluster.name for cluster in refused)
    yield Trouble(
        Cause.NO_EXEC,
        Severity.INFO,
        tuple(cluster.context for cluster in refused),
        names,
        f"you may not ask the agents of {names}: the right to create pods/exec is missing",
        tuple(dict.fromkeys(str(error) for c in refused for error in list(c.agent_errors.values())[:1])),
        "objects and flows tell all the rest: links are judged by flows alone",
        f"kubectl --context {refused[0].context} auth can-i create pods/exec -n {refused[0].home}",
    )


def unread(cluster: Cluster) -> bool:
    """Whether what is held of a cluster may be old: nothing new is concluded from it."""
    return cluster.api.phase is not Phase.LIVE or r.NODES not in cluster.objects
