"""A judgement in a line: what a header and a report's first line say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtui.core.health.model import Cause, Judged, Judgement, Verdict, What

_LINKS = {
    Cause.LINK_CUT: "silent",
    Cause.ONE_WAY: "one way only",
    Cause.OVERLAY_BLOCKED: "without pod traffic",
    Cause.LOSSY: "losing packets",
    Cause.MTU: "losing large packets",
    Cause.SLOW: "slow",
}


def headline(judgement: Judgement, names: Mapping[str, str]) -> tuple[Verdict, str]:
    """The worst verdict and what is failing, counted: `1 link silent · 2 services failing`; `ready 2/2` when well.

    `names`: context → cluster name.
    """
    total = len(names)
    bad = _failing(judgement, names)
    if bad:
        return Verdict.FAILING, " · ".join(bad)
    clusters = [judgement.cluster(context) for context in names]
    links = list(judgement.links.values())
    well = [c for c in clusters if c.verdict is Verdict.WELL and _links_well(c, links)]
    everything = [*clusters, *links]
    for verdict in (Verdict.STALE, Verdict.UNKNOWN, Verdict.RECOVERING):
        if any(judged.verdict is verdict for judged in everything):
            return verdict, f"{'waiting' if verdict is Verdict.UNKNOWN else verdict.value} {len(well)}/{total}"
    return Verdict.WELL, f"ready {len(well)}/{total}"


def _links_well(cluster: Judged, links: Sequence[Judged]) -> bool:
    mine = [link for link in links if link.subject.context == cluster.subject.context]
    return all(link.verdict in (Verdict.WELL, Verdict.IDLE) for link in mine)


def _failing(judgement: Judgement, names: Mapping[str, str]) -> list[str]:
    """What is failing, most telling first."""
    parts: list[str] = []
    away = [c for c in names if Cause.API_GONE in judgement.cluster(c).causes]
    if away:
        parts.append(f"{_many(len(away), 'API server')} away")
    down = [n for n in judgement.nodes.values() if Cause.NODE_DOWN in n.causes]
    if down:
        parts.append(f"{_many(len(down), 'node')} down")
    mute = [n for n in judgement.nodes.values() if n.verdict.bad and n not in down]
    if mute:
        parts.append(f"{_many(len(mute), 'agent')} failing")
    nameless = [t for t in judgement.troubles if t.cause is Cause.DNS_GONE]
    if nameless:
        where = ", ".join(names[t.contexts[0]] for t in nameless)
        parts.append(f"names don't resolve in {where}")
    links = [link for link in judgement.links.values() if link.verdict.bad and Cause.NODE_DOWN not in link.causes]
    if links:
        words = {_LINKS.get(link.causes[0], "failing") if link.causes else "failing" for link in links}
        parts.append(f"{_many(len(links), 'link')} {words.pop() if len(words) == 1 else 'failing'}")
    gone = [t for t in judgement.troubles if t.cause is Cause.APISERVER_GONE]
    if gone and not links:
        parts.append(f"{_many(len(gone), 'clustermesh-apiserver')} gone")
    services = [service for service in judgement.services.values() if service.verdict.bad]
    if services:
        parts.append(f"{_many(len(services), 'service')} failing")
    return parts


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def place(judged: Judged, names: Mapping[str, str]) -> str:
    """What a subject is called: `koornacht → tion`, `tion/tion-worker`, `default/rebel-base`."""
    subject = judged.subject
    name = names.get(subject.context, subject.context)
    match subject.what:
        case What.LINK:
            return f"{name} → {subject.name}"
        case What.CLUSTER:
            return name
        case What.SERVICE:
            return subject.name
        case _:
            return f"{name}/{subject.name}"
