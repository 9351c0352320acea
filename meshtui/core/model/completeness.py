"""What is missing of an answer, by one rule for every verb: lists, Cilium's own words, agents, flows, and clocks.

What a person may not see is told and is no failure; whatever else did not come makes the answer incomplete.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from meshtui.core.errors import ClusterError, Forbidden, MeshtuiError, NotFound, TimedOut
from meshtui.core.model import clocks
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.core.text import clean

CONFIG, AGENTS, KVSTOREMESH, HEALTH = "config", "agents", "kvstoremesh", "health"
QUESTIONS: Mapping[str, str] = {
    CONFIG: "cilium-config",
    AGENTS: "the agents' status",
    KVSTOREMESH: "KVStoreMesh's status",
    HEALTH: "cilium-health",
}
"""What is asked of Cilium, as it is called in a sentence."""
_NAMED = 4


class Wanted(Struct, frozen=True):
    """What an answer depends on."""

    lists: tuple[Resource, ...] = ()
    """Without these there is no answer: a refusal is a failure."""
    beside: tuple[Resource, ...] = ()
    questions: Collection[str] = ()
    """Of QUESTIONS."""
    flows: bool = False
    time: bool = False
    """Whether it speaks of a last minute, or of when something was."""


class Missing(Struct):
    """What is not there."""

    failures: list[MeshtuiError] = field(default_factory=list)
    closed: dict[str, list[str]] = field(default_factory=dict)
    """Context → what this person may not see of it."""

    def _refused(self, context: str, what: str) -> None:
        known = self.closed.setdefault(context, [])
        if what not in known:
            known.append(what)

    def take(self, error: MeshtuiError | None, context: str, what: str) -> None:
        """One thing that could not be read, and why."""
        if isinstance(error, Forbidden):
            self._refused(context, what)
        elif error is not None:
            self.failures.append(error)


def live(mesh: Mesh) -> list[Cluster]:
    """Clusters that answer: of the others it is said that they do not."""
    return [cluster for cluster in mesh.clusters.values() if cluster.api.phase is Phase.LIVE]


def missing(mesh: Mesh, wanted: Wanted, unasked: Mapping[str, Collection[str]]) -> Missing:
    """What is missing of an answer. `unasked`: context → questions that nobody has answered yet."""
    found = Missing()
    for cluster in live(mesh):
        found.failures += refused_lists(cluster, wanted.lists)
        for error in refused_lists(cluster, wanted.beside):
            found.take(error, cluster.context, _plural(error))
        open_ = unasked.get(cluster.context, ())
        waiting = [QUESTIONS[each] for each in wanted.questions if each in open_ and not _known(cluster, each)]
        found.failures += _late(cluster, [*late_lists(cluster, (*wanted.lists, *wanted.beside)), *waiting])
        if CONFIG in wanted.questions:
            # Where there is no Cilium that is the answer.
            unread = None if isinstance(cluster.config_error, NotFound) else cluster.config_error
            found.take(unread, cluster.context, QUESTIONS[CONFIG])
        if AGENTS in wanted.questions:
            _agents(found, cluster)
        if KVSTOREMESH in wanted.questions:
            found.take(cluster.kvstoremesh_error, cluster.context, QUESTIONS[KVSTOREMESH])
        if wanted.flows and cluster.relay.link.phase in (Phase.FAILED, Phase.STALE):
            found.take(_flows(cluster), cluster.context, "flows")
    if wanted.time:
        found.failures += _clocks(mesh)
    return found


def _known(cluster: Cluster, question: str) -> bool:
    """Whether a round of questions that has not ended has brought all that it can bring."""
    if question == AGENTS:
        asked = cluster.agents.keys() | cluster.agent_errors.keys()
        return bool(asked) and asked >= cluster.nodes.keys()
    return question == HEALTH and bool(cluster.health)


def refused_lists(cluster: Cluster, resources: Iterable[Resource]) -> list[MeshtuiError]:
    """Why some of `resources` could not be listed, in their order."""
    links = (link for resource in dict.fromkeys(resources) if (link := cluster.watches.get(resource)) is not None)
    return [link.error for link in links if link.error is not None and link.phase not in (Phase.LIVE, Phase.ABSENT)]


def late_lists(cluster: Cluster, resources: Iterable[Resource]) -> list[str]:
    """Lists that have not arrived: nothing of them is "none"."""
    return [
        resource.plural
        for resource in dict.fromkeys(resources)
        if resource not in cluster.objects and cluster.watch_phase(resource) is Phase.CONNECTING
    ]


def coming(mesh: Mesh, resources: Iterable[Resource]) -> bool:
    """Whether a cluster that answers has still to send one of these lists."""
    wanted = tuple(resources)
    return any(late_lists(cluster, wanted) for cluster in live(mesh))


def _late(cluster: Cluster, what: Sequence[str]) -> Iterator[MeshtuiError]:
    if what:
        yield TimedOut(
            clean(f"{cluster.context} has not sent all of its lists yet"),
            context=cluster.context,
            cause=f"missing: {', '.join(what)}; what is said of {clean(cluster.context)} is not complete",
            hint="the way to it is slow: raise --request-timeout, or name a namespace with -n",
        )


def _agents(found: Missing, cluster: Cluster) -> None:
    """Agents that did not answer, counted; who may not ask any is told once."""
    silent = {}
    for node, error in sorted(cluster.agent_errors.items()):
        if isinstance(error, Forbidden):
            found.take(error, cluster.context, QUESTIONS[AGENTS])
        else:
            silent[node] = error
    if not silent:
        return
    asked = len(cluster.agents.keys() | cluster.agent_errors.keys())
    names = ", ".join(list(silent)[:_NAMED]) + (", …" if len(silent) > _NAMED else "")
    first = next(iter(silent.values()))
    found.failures.append(
        ClusterError(
            clean(f"{cluster.context}: {len(silent)} of {asked} agents did not answer: {names}", 400),
            context=cluster.context,
            cause=str(first),
            hint=first.hint or f"kubectl --context {cluster.context} -n {cluster.home} get pods -l k8s-app=cilium",
        )
    )


def _flows(cluster: Cluster) -> MeshtuiError | None:
    """Why no flows come; what Cilium's namespace hides is said of its configuration already."""
    if isinstance(cluster.config_error, Forbidden):
        return cluster.config_error
    return cluster.relay.link.error


def _clocks(mesh: Mesh) -> Iterator[MeshtuiError]:
    for each in clocks.off(mesh):
        yield ClusterError(
            clean(each.sentence, 400),
            context=each.contexts[0],
            cause="what is told of the last minutes, and --since, are off by as much",
            hint=each.advice,
        )


def _plural(error: MeshtuiError) -> str:
    return error.resource.partition(".")[0] if isinstance(error, ClusterError) else ""
