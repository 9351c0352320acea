"""Prediction beside evidence: what agents have realised, who really answered, and where these disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from msgspec import Struct

from meshtui.core.model.ciliumstatus import RealisedService
from meshtui.core.routing.model import Route

_RULED_OUT = 0.001
"""Below this probability an answer that never came is evidence, not chance."""


class Source(Enum):
    """Whose word disagrees with the prediction."""

    AGENT = "agent's tables"
    ANSWERS = "answers"
    FLOWS = "flows"


class Disagreement(Struct, frozen=True):
    """One contradiction between the predicted route and what is the case."""

    source: Source
    cluster: str
    """Name of the cluster whose backends it is about; empty when unknown."""
    text: str


def realised_backends(found: Route, services: Iterable[RealisedService]) -> frozenset[str] | None:
    """Addresses an agent balances this route's port over; None when it lists no such ClusterIP frontend.

    Since 1.18 the agent lists selected backends only (facts cluster-mesh §7).
    """
    port = found.port
    for service in services:
        if f"{service.namespace}/{service.name}" != found.service or service.type != "ClusterIP" or port is None:
            continue
        # Before 1.18 a frontend's protocol is not told (recording mixed-1.20-1.17): then the port has to do.
        if service.port == port.port and service.protocol in ("", port.protocol):
            # There, too, all backends are listed; those that affinity prefers are marked, if it prefers any.
            preferred = [b for b in service.backends if b.preferred] or service.backends
            active = {b.ip for b in preferred if b.state in ("", "active")}
            return frozenset(active or {b.ip for b in preferred})
    return None


def disagreements(
    found: Route,
    services: Iterable[RealisedService] | None = None,
    answers: Mapping[str, int] | None = None,
    connections: Mapping[str, int] | None = None,
) -> tuple[Disagreement, ...]:
    """Where an agent's tables, the answers or the connections seen per cluster name contradict a route.

    An agent's frontends may lag an annotation by a second. Answers count as contradiction when a cluster answered
    that is not in rotation, or when one in rotation and reachable never did and chance is below 1 in 1,000.
    """
    result: list[Disagreement] = []
    if services is not None:
        realised = realised_backends(found, services)
        if realised is not None:
            result += _against_tables(found, realised)
    if answers:
        result += _against_counts(found, answers, Source.ANSWERS)
    if connections:
        result += _against_counts(found, connections, Source.FLOWS)
    return tuple(result)


def _against_tables(found: Route, realised: frozenset[str]) -> list[Disagreement]:
    predicted = {b.ip: b.cluster for b in found.backends}
    known = {u.backend.ip: u.cluster for u in found.unused if u.backend} | predicted
    result = []
    for ip in sorted(realised - predicted.keys()):
        owner = known.get(ip, "")
        who = f"{owner}'s {ip}" if owner else ip
        text = f"{found.cluster}'s agent sends to {who}, which is not predicted"
        result.append(Disagreement(Source.AGENT, owner, text))
    for ip in sorted(predicted.keys() - realised):
        text = f"{found.cluster}'s agent does not send to {predicted[ip]}'s {ip}, which is predicted"
        result.append(Disagreement(Source.AGENT, predicted[ip], text))
    return result


def _against_counts(found: Route, counts: Mapping[str, int], source: Source) -> list[Disagreement]:
    """Connections are made to a silent cluster too, answers come from those that answer alone."""
    total = sum(counts.values())
    shares = found.shares
    flows = source is Source.FLOWS
    did, what = ("was asked by", "connections") if flows else ("answered", "requests")
    expected = frozenset(shares) if flows else found.answering
    result = []
    for name, count in sorted(counts.items()):
        if count and name not in shares:
            text = f"{name} {did} {count} of {total} {what}, though it is not in rotation for {found.cluster}"
            result.append(Disagreement(source, name, text))
    for name, share in shares.items():
        if name in expected and not counts.get(name) and (1 - share) ** total < _RULED_OUT:
            text = f"{name} {did} none of {total} {what}, though {share:.0%} of them should go there"
            result.append(Disagreement(source, name, text))
    return result
