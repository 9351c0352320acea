"""What a change of policies does to connections that are made now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meshtui.core.model.state import Mesh
from meshtui.core.policy.evaluate import judge
from meshtui.core.policy.explain import explain_verdict
from meshtui.core.policy.model import PodRef
from meshtui.core.policy.parties import of_pod
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.routing import route

FATE = {True: "passes", False: "dropped", None: "not known"}
"""What becomes of a connection, in words."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One pod connecting to another's own port."""

    source: PodRef
    destination: PodRef
    protocol: str
    port: int


def connections_to(mesh: Mesh, source: PodRef, service_key: str) -> list[Connection]:
    """The connections a pod's requests to a service can become: one per backend in rotation that names its pod."""
    found = route(mesh, source.context, service_key)
    return [
        Connection(source, PodRef(b.context, *b.pod.split("/", 1)), b.protocol, b.port) for b in found.backends if b.pod
    ]


def policy_effects(before: Mesh, after: Mesh, connections: Iterable[Connection]) -> tuple[str, ...]:
    """One sentence per pair of pods whose verdict changes; none when nothing does.

    `before` and `after` as from `routing.what_if`. Pods that are not in both meshes are passed over.
    """
    then, now = Rulebook(before), Rulebook(after)
    sentences: dict[str, None] = {}
    for c in connections:
        try:
            sides = [(of_pod(mesh, c.source), of_pod(mesh, c.destination)) for mesh in (before, after)]
        except KeyError:
            continue
        old = judge(then, *sides[0], c.protocol, c.port)
        new = judge(now, *sides[1], c.protocol, c.port)
        if old.passes is new.passes:
            continue
        source, destination = sides[1]
        pair = f"{source.name} ({source.cluster}) → {destination.name} ({destination.cluster}) {c.protocol} {c.port}"
        change = f"{FATE[old.passes]} → {FATE[new.passes]}"
        sentences[f"{pair}: {change}; {explain_verdict(new).sentence}"] = None
    return tuple(sentences)
