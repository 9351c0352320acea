"""Services: whether requests get through, by what was seen of late and by policies; whether any pod is ready.

What is seen decides; what policies would do decides where nothing newer was seen. Both are told, apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from meshtui.core.flows import dropreason
from meshtui.core.health.components import GRACE
from meshtui.core.health.foreseen import Denial, joined, where
from meshtui.core.health.loadresults import Outcome
from meshtui.core.health.memory import Memory
from meshtui.core.health.model import (
    EARNED_SECONDS,
    Cause,
    ServiceHealth,
    Source,
    Statement,
    Subject,
    Trouble,
    Verdict,
    What,
)
from meshtui.core.health.pathhealth import WINDOW
from meshtui.core.health.tally import Tally, total
from meshtui.core.health.traffic import Pair, Traffic
from meshtui.core.health.unready import Unready
from meshtui.core.model import resources as r
from meshtui.core.model.probes import moment
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.core.policy.explain import denying
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.routing.candidates import ready_counts
from meshtui.core.services.row import rank

CALM = 15.0
"""Seconds without a failure after which requests count as passing again."""
_SILENT, _SHARE = 2, 0.05
_REASONS = 3
_SETTLING = 5.0
"""Seconds in which connections that policies now refuse may still have been opened."""


def judge_services(
    mesh: Mesh,
    traffic: Traffic,
    now: float,
    memory: Memory,
    bad_links: Mapping[frozenset[str], Cause],
    book: Callable[[], Rulebook],
    foreseen: Mapping[str, Denial],
) -> tuple[list[ServiceHealth], list[Trouble]]:
    """Every service that requests were seen for, or would be refused. `bad_links`: names of two clusters → what is
    wrong between them.

    `book`: the policies of now; asked for only when a policy denies something.
    """
    judged, troubles = [], []
    lately = traffic.by_service(now - WINDOW)
    seen = traffic.by_service(now - EARNED_SECONDS)
    asked = traffic.load_results.by_service(now - EARNED_SECONDS)
    for key in {**seen, **dict.fromkeys([*asked, *foreseen])}:
        pairs, recent, denial = seen.get(key, {}), lately.get(key, {}), foreseen.get(key)
        health, trouble = _service(mesh, key, pairs, recent, now, memory, bad_links, book)
        if key in asked:
            health, trouble = _asked(mesh, health, trouble, asked[key], memory, bad_links, now)
        if denial is not None:
            health, trouble = _beside(mesh, health, trouble, denial, pairs, memory, now)
        judged.append(health)
        if trouble is not None:
            troubles.append(trouble)
    return judged, troubles


def _service(
    mesh: Mesh,
    key: str,
    pairs: Mapping[Pair, Tally],
    recent: Mapping[Pair, Tally],
    now: float,
    memory: Memory,
    bad_links: Mapping[frozenset[str], Cause],
    book: Callable[[], Rulebook],
) -> tuple[ServiceHealth, Trouble | None]:
    whole, window = total(pairs.values()), total(recent.values())
    cause, words, suffering = _failing(recent, now, book)
    subject = Subject(What.SERVICE, "", key)
    seen = tuple(_statement(pair, tally, now) for pair, tally in sorted(recent.items()))
    if cause is None:
        calm = whole.failed and now - whole.last_failed < 2 * WINDOW
        verdict = Verdict.RECOVERING if calm and whole.last_passed > whole.last_failed else Verdict.WELL
        if not window.answered and now - whole.last_passed > EARNED_SECONDS:
            verdict = Verdict.UNKNOWN
        told = f"{whole.answered} of {whole.requests} requests answered"
        health = ServiceHealth(subject, verdict, told, 0.0, (), seen, (), window.requests, window.failed)
        return memory.dated(health, now), None
    because = next((bad_links[frozenset(pair)] for pair in suffering if frozenset(pair) in bad_links), None)
    since = memory.since((cause, key), now, whole.first_failed)
    health = ServiceHealth(subject, Verdict.FAILING, words, 0.0, (), seen, (cause,), window.requests, window.failed)
    health = memory.dated(health, now, since)
    if rank(key):
        return health, None
    return health, _trouble(mesh, key, cause, words, seen, since, because)


def _asked(
    mesh: Mesh,
    health: ServiceHealth,
    trouble: Trouble | None,
    found: list[Outcome],
    memory: Memory,
    bad_links: Mapping[frozenset[str], Cause],
    now: float,
) -> tuple[ServiceHealth, Trouble | None]:
    """A service's verdict with what load tests came to: it decides where flows do not say that something is wrong."""
    key = health.subject.name
    seen = tuple(Statement(Source.LOAD, o.words, not o.failed, max(o.last_passed, o.last_failed)) for o in found)
    health = replace(health, observations=(*health.observations, *seen))
    bad = [outcome for outcome in found if outcome.bad(now)]
    if health.verdict.bad:
        return health, trouble
    if not bad:
        answered = any(outcome.answered for outcome in found)
        if health.verdict is Verdict.UNKNOWN and answered:
            total_ = sum(o.requests for o in found), sum(o.answered.total() for o in found)
            words = f"{total_[1]} of {total_[0]} requests of load tests answered"
            health = memory.dated(replace(health, verdict=Verdict.WELL, words=words), now)
        return health, None
    asked = sum(outcome.requests for outcome in bad)
    lost = sum((outcome.failed for outcome in bad), Counter[str]())
    fate = lost.most_common(1)[0][0]
    who = joined(outcome.client for outcome in bad)
    words = f"{round(100 * lost.total() / asked)} % of a load test's requests from {who}: {fate}"
    since = memory.since((Cause.SERVICE_TIMEOUT, key, "load"), now, min(outcome.last_failed for outcome in bad))
    health = replace(health, verdict=Verdict.FAILING, words=words, causes=(Cause.SERVICE_TIMEOUT,))
    health = memory.dated(health, now, since)
    if rank(key):
        return health, None
    clients = {outcome.client for outcome in bad}
    because = next((cause for pair, cause in bad_links.items() if pair & clients), None)
    return health, _trouble(mesh, key, Cause.SERVICE_TIMEOUT, words, seen, since, because)


def _beside(
    mesh: Mesh,
    health: ServiceHealth,
    trouble: Trouble | None,
    denial: Denial,
    pairs: Mapping[Pair, Tally],
    memory: Memory,
    now: float,
) -> tuple[ServiceHealth, Trouble | None]:
    """A service's verdict with what policies would do: it decides unless something was seen since it holds."""
    key = health.subject.name
    since = memory.since(("foreseen", key), now)
    claim = Statement(Source.POLICIES, denial.words, False, now)
    health = replace(health, claims=(claim, *health.claims))
    answered = max((tally.last_passed for pair, tally in pairs.items() if pair[0] in denial.clients), default=0.0)
    if health.verdict.bad or answered > since + _SETTLING:
        return health, trouble
    health = replace(health, verdict=Verdict.FAILING, words=denial.words, causes=(Cause.SERVICE_DENIED,))
    health = memory.dated(health, now, since)
    contexts = tuple(c.context for c in mesh.clusters.values() if key in c.services)
    others = [c.name for c in mesh.clusters.values() if key in c.services and c.name not in denial.clients]
    return health, Trouble(
        Cause.SERVICE_DENIED,
        Severity.ERROR if denial.everybody else Severity.WARNING,
        contexts,
        key,
        f"{key}: {denial.words}",
        denial.reasons[:_REASONS],
        f"requests of {joined(others)}'s clients" if others else "",
        f"meshtui services explain {key}",
        since,
    )


def _failing(
    recent: Mapping[Pair, Tally], now: float, book: Callable[[], Rulebook]
) -> tuple[Cause | None, str, list[Pair]]:
    """Cause, words and the pairs that suffer; None when requests get through or failures are over."""
    window = total(recent.values())
    over = window.last_passed > window.last_failed and now - window.last_failed > CALM
    if not window.requests or over:
        return None, "", []
    denied = {pair: tally for pair, tally in recent.items() if tally.denied and tally.denied == tally.requests}
    clients = {pair[0] for pair in recent}
    shut = [c for c in clients if all(pair in denied for pair in recent if pair[0] == c)]
    if shut and sum(tally.denied for tally in denied.values()) >= _SILENT:
        who = "all requests" if len(shut) == len(clients) else f"all of {joined(sorted(shut))}'s requests"
        number = sum(tally.denied for tally in denied.values())
        return Cause.SERVICE_DENIED, f"{who} denied ({_deniers(denied, book())}), {number} drops", list(denied)
    lost = {p: t for p, t in recent.items() if t.silent + t.dropped >= _SILENT}
    number = sum(t.silent + t.dropped for t in lost.values())
    if lost and number >= _SHARE * window.requests:
        asked = sum(t.requests for t in lost.values())
        servers = sorted({pair[1] for pair in lost})
        share = round(100 * number / asked)
        return Cause.SERVICE_TIMEOUT, f"{share} % of requests to {joined(servers)} time out{_why(lost)}", list(lost)
    refused = sum(t.refused for t in recent.values())
    if refused >= _SILENT and refused >= _SHARE * window.requests:
        share = round(100 * refused / window.requests)
        return Cause.SERVICE_TIMEOUT, f"{share} % of requests are refused", [p for p, t in recent.items() if t.refused]
    return None, "", []


def _deniers(denied: Mapping[Pair, Tally], book: Rulebook) -> str:
    """`default-deny in koornacht and tion`: the policies that deny, by the clusters where they do."""
    places: dict[str, set[str]] = {}
    for tally in denied.values():
        for (cluster, _), row in tally.denials.items():
            places.setdefault(cluster, set()).update(policy.name for policy in denying(book, row))
    return where(places)


def _why(lost: Mapping[Pair, Tally]) -> str:
    reasons = [reason for tally in lost.values() for _, reason in tally.reasons]
    return f" ({dropreason.text(reasons[0])})" if reasons else ""


def _statement(pair: Pair, tally: Tally, now: float) -> Statement:
    words = f"{pair[0]}'s clients → {pair[1]}: {tally.answered} of {tally.requests} answered"
    parts = ((tally.denied, "denied"), (tally.silent, "without answer"), (tally.refused, "refused"))
    words += "".join(f", {count} {what}" for count, what in parts if count)
    return Statement(Source.FLOWS, words, not tally.failed, max(tally.last_passed, tally.last_failed))


def _trouble(
    mesh: Mesh, key: str, cause: Cause, words: str, seen: Iterable[Statement], since: float, because: Cause | None
) -> Trouble:
    contexts = tuple(c.context for c in mesh.clusters.values() if key in c.services)
    command = f"meshtui services explain {key}" if cause is Cause.SERVICE_TIMEOUT else "meshtui policies"
    evidence = tuple(each.text for each in seen)
    answered = [each.text.partition(":")[0] for each in seen if each.passed]
    still = f"{', '.join(answered)} get answers" if answered else ""
    return Trouble(cause, Severity.ERROR, contexts, key, f"{key}: {words}", evidence, still, command, since, because)


def unready(mesh: Mesh, known: Unready, now: float, memory: Memory) -> list[tuple[Cluster, str, int]]:
    """(cluster, service, pods) of services none of whose pods is ready for longer than a restart takes."""
    found = []
    for cluster in mesh.clusters.values():
        if cluster.api.phase is not Phase.LIVE or r.ENDPOINTSLICES not in cluster.objects:
            continue
        for key, count in known.of(cluster.context).items():
            if rank(key) or key not in cluster.services:
                continue
            condition = "unready", cluster.context, key
            hint = 0.0 if condition in memory.firsts else _unready_at(cluster, key)
            first = memory.since(condition, now, hint)
            if now - first >= GRACE:
                found.append((cluster, key, count))
    return found


def _unready_at(cluster: Cluster, key: str) -> float:
    """When the last of the pods of a service's selector became unready."""
    service = cluster.services[key]
    wanted = service.spec.selector or {}
    times = [
        moment(condition.last_transition_time or "")
        for pod in cluster.pods.values()
        if pod.namespace == service.namespace and wanted and all(pod.labels.get(k) == v for k, v in wanted.items())
        for condition in pod.status.conditions or ()
        if condition.type == "Ready" and condition.status != "True"
    ]
    return max(times, default=0.0)


def unready_trouble(mesh: Mesh, cluster: Cluster, key: str, pods: int, memory: Memory, now: float) -> Trouble:
    """A service without a ready pod in a cluster."""
    others = [
        other.name
        for other in mesh.clusters.values()
        if other is not cluster and key in other.services and ready_counts(mesh, other, key)[0]
    ]
    namespace = key.partition("/")[0]
    return Trouble(
        Cause.PODS_NOT_READY,
        Severity.WARNING if others else Severity.ERROR,
        (cluster.context,),
        f"{cluster.name} {key}",
        f"none of {cluster.name}'s {pods} pods of {key} is ready",
        (f"{cluster.name}: 0 of {pods} endpoints ready",),
        f"{joined(others)} can serve it" if others else "",
        f"kubectl --context {cluster.context} -n {namespace} describe pods",
        memory.since(("unready", cluster.context, key), now),
    )
