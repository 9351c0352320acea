"""What holds of every proposal on a generated mesh, judged by both rule books: valid, sufficient, nothing unsaid."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from meshtui.core.policy import PodRef, Rulebook, TrafficDirection, direction_verdict, of_pod, refusal
from meshtui.core.policy.mend import Proposal, Remedy, Wanted, propose, with_proposals
from meshtui.core.policy.parties import as_seen
from meshtui.sim.rulebook import refusals
from meshtui.sim.world import World
from tests.agreement import policies
from tests.agreement.books import PlainCluster, Tally, names_of, to_core, to_sim
from tests.agreement.test_policy import sides

PROBES = (("TCP", 80), ("TCP", 443), ("UDP", 100))
Pod = tuple[str, dict[str, Any]]
PLURALS = {
    "CiliumNetworkPolicy": "ciliumnetworkpolicies",
    "CiliumClusterwideNetworkPolicy": "ciliumclusterwidenetworkpolicies",
}
HOPELESS = (
    "A deny wins",
    "might ",
    "does not export",
    "no rule was found",
    "who ",
)
"""Why a connection may be left refused."""


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[PlainCluster], list[tuple[int, int, tuple[str, int]]], int]:
    """A mesh, one to three connections between its pods by number, and which of several proposals is taken."""
    clusters = draw(policies.meshes())
    count = len(policies.pods_of(clusters))
    number = st.integers(0, count - 1)
    asked = draw(st.lists(st.tuples(number, number, st.sampled_from(PROBES)), min_size=1, max_size=3))
    return clusters, [each for each in asked if each[0] != each[1]], draw(st.integers(0, 3))


def ref(pod: Pod) -> PodRef:
    return PodRef(pod[0], pod[1]["metadata"]["namespace"], pod[1]["metadata"]["name"])


def applied(clusters: list[PlainCluster], proposals: Iterable[Proposal]) -> list[PlainCluster]:
    """The same mesh with proposals applied, as API servers would have it."""
    names = names_of(clusters)
    made = []
    for name, plain in zip(names, clusters, strict=True):
        objects = {plural: list(found) for plural, found in plain.objects.items()}
        for each in (p for p in proposals if p.context == name):
            assert not refusals.operator(dict(each.manifest), plain.version, plain.config or {})
            plural, meta = PLURALS[each.manifest["kind"]], each.manifest["metadata"]
            there = objects.setdefault(plural, [])
            key = (meta.get("namespace"), meta["name"])
            there[:] = [p for p in there if (p["metadata"].get("namespace"), p["metadata"]["name"]) != key]
            there.append({**each.manifest, "metadata": {**meta, "uid": f"mended-{meta['name']}"}})
        made.append(dataclasses.replace(plain, objects=objects))
    return made


def stated(
    proposals: Iterable[Proposal], direction: TrafficDirection, subject: Any, peer: Any, protocol: str, port: int
) -> bool:
    """Whether a proposal says that it lets this pass."""
    for each in proposals:
        for opening in each.openings:
            mine = opening.direction is direction and opening.subject.context == subject.context
            if not mine or opening.subject.labels.exact != subject.labels.exact:
                continue
            theirs = opening.peer is None or (
                opening.peer.context == peer.context and opening.peer.labels.exact == peer.labels.exact
            )
            covered = opening.ports is None or any(
                rule.name or (rule.protocol == protocol and rule.covers(port)) for rule in opening.ports
            )
            if theirs and covered:
                return True
    return False


def check(case: tuple[list[PlainCluster], list[tuple[int, int, tuple[str, int]]], int], tally: Tally) -> None:
    clusters, asked, pick = case
    tally.examples += 1
    mesh, pods = to_core(clusters), policies.pods_of(clusters)
    book = Rulebook(mesh)
    ends = [(pods[a], pods[b], probe) for a, b, probe in asked]
    wanted = [Wanted(of_pod(mesh, ref(a)), of_pod(mesh, ref(b)), *probe) for a, b, probe in ends]
    remedy = propose(mesh, wanted, book=book)
    taken = [choice[pick % len(choice)] for choice in remedy.choices]
    _count(remedy, taken, tally)
    if not taken:
        return
    for each in (p for choice in remedy.choices for p in choice):
        assert refusal(each.manifest, book.reading(each.context)) is None
    mended = applied(clusters, taken)
    before, after = to_sim(clusters), to_sim(mended)
    now = Rulebook(with_proposals(mesh, taken), book)
    _suffices(remedy, taken, ends, wanted, now, after)
    _opens_no_more(pods, mesh, taken, (book, now), (before, after), tally)


def _count(remedy: Remedy, taken: list[Proposal], tally: Tally) -> None:
    for each in taken:
        tally.kinds[each.manner.name.lower()] += 1
    for text in remedy.obstacles:
        assert any(word in text for word in HOPELESS), text
        tally.kinds["obstacle"] += 1


def _suffices(
    remedy: Remedy, taken: list[Proposal], ends: list[Any], wanted: list[Wanted], now: Rulebook, after: World
) -> None:
    closed = {pod for each in taken for pod in each.closes}
    for (source, destination, probe), each in zip(ends, wanted, strict=True):
        if any(str(each) in text for text in remedy.obstacles):
            continue
        for direction, theirs in zip(TrafficDirection, sides(after, source, destination, *probe), strict=True):
            ours = direction_verdict(now, *each.ends(direction), direction, *probe)
            if f"{each.ends(direction)[0].name} ({direction.value})" in closed:  # no option lets a policy leave it open
                continue
            assert ours.allowed, f"{each} {direction} {[p.manifest for p in taken]} {ours}"
            assert theirs.allowed, f"{each} {direction} {[p.manifest for p in taken]} {theirs}"


def _opens_no_more(
    pods: list[Pod], mesh: Any, taken: list[Proposal], books: tuple[Rulebook, Rulebook], worlds: tuple[World, World],
    tally: Tally,
) -> None:  # fmt: skip
    for source in pods:
        for destination in pods:
            if source is destination:
                continue
            pair = Wanted(of_pod(mesh, ref(source)), of_pod(mesh, ref(destination)), "", 0)
            for protocol, port in PROBES:
                simulated = [sides(world, source, destination, protocol, port) for world in worlds]
                for number, direction in enumerate(TrafficDirection):
                    subject, peer = pair.ends(direction)
                    ours = [direction_verdict(book, subject, peer, direction, protocol, port).allowed for book in books]
                    theirs = [found[number].allowed for found in simulated]
                    about = (subject.name, peer.name, direction, protocol, port, taken)
                    for then, now in (ours, theirs):
                        if now and not then:
                            assert stated(taken, direction, subject, as_seen(peer, subject) and peer, protocol, port), (
                                about
                            )
                            tally.kinds["opened"] += 1
                        if then and not now:
                            assert any(each.closes for each in taken), about
