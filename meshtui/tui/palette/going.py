"""Places to go to by name, as `:svc` and `:ns NAME` in k9s: what a typed line means, decided without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from meshtui.core import spelling
from meshtui.core.model.state import Mesh


class Place(Enum):
    """Where a word leads."""

    SERVICES = "the services"
    CLUSTERS = "the clusters, their nodes and links"
    FLOWS = "the flows"
    LOAD = "the load test"
    POLICIES = "the policies"
    FINDINGS = "the findings"
    NAMESPACE = "one namespace, or all of them"
    CONTEXT = "one cluster"
    PULSE = "the pulse of every cluster"
    BOOKMARKS = "a bookmark, or all of them"
    HELP = "the keys"
    QUIT = "leave meshtui"


WORDS: dict[Place, tuple[str, ...]] = {
    Place.SERVICES: ("svc", "services", "service", "ep", "endpoints"),
    Place.CLUSTERS: ("clusters", "cl", "nodes", "no", "links", "mesh"),
    Place.FLOWS: ("flows", "fl", "hubble", "drops"),
    Place.LOAD: ("load", "curl", "requests"),
    Place.POLICIES: ("pol", "policies", "policy", "cnp", "ccnp", "netpol"),
    Place.FINDINGS: ("find", "findings"),
    Place.NAMESPACE: ("ns", "namespace", "namespaces"),
    Place.CONTEXT: ("ctx", "context", "contexts", "cluster"),
    Place.PULSE: ("pulse", "pulses", "pu"),
    Place.BOOKMARKS: ("bm", "bookmarks", "bookmark", "marks"),
    Place.HELP: ("help", "h", "?"),
    Place.QUIT: ("q", "quit", "q!", "exit"),
}
"""The words of every place; the first is shown."""
_PLACE = {word: place for place, words in WORDS.items() for word in words}
ALL = ("all", "*", "0")
"""What follows `ns` to see every namespace."""


@dataclass(frozen=True, slots=True)
class Going:
    """A line that was understood: where to, and what was said after it; `problem` when that names nothing."""

    place: Place
    argument: str = ""
    problem: str = ""


def known_names(mesh: Mesh | None) -> tuple[list[str], list[str]]:
    """Namespaces and clusters (names and contexts) that can be gone to."""
    if mesh is None:
        return [], []
    namespaces = {key.partition("/")[0] for cluster in mesh.clusters.values() for key in cluster.services}
    namespaces |= {name for cluster in mesh.clusters.values() for name in cluster.namespaces}
    contexts = dict.fromkeys(x for cluster in mesh.clusters.values() for x in (cluster.name, cluster.context))
    return sorted(namespaces), list(contexts)


def going(text: str, namespaces: Sequence[str], contexts: Sequence[str]) -> Going | None:
    """What a typed line means; None when its first word is no place.

    `namespaces` and `contexts` are those that exist: a name that does not is a problem and leads nowhere.
    """
    word, _, rest = text.strip().partition(" ")
    place = _PLACE.get(word.casefold())
    argument = rest.strip()
    if place is None:
        return None
    if place is Place.NAMESPACE and argument and argument not in ALL:
        return _named(place, argument, namespaces, "namespace")
    if place is Place.CONTEXT and argument:
        return _named(place, argument, contexts, "cluster")
    if argument and place not in (Place.NAMESPACE, Place.CONTEXT, Place.SERVICES, Place.FLOWS, Place.BOOKMARKS):
        return None
    return Going(place, argument)


def _named(place: Place, argument: str, known: Sequence[str], kind: str) -> Going:
    if argument in known:
        return Going(place, argument)
    begun = [name for name in known if name.startswith(argument)]
    if len(begun) == 1:
        return Going(place, begun[0])
    close = begun or spelling.near(argument, known)
    hint = f"; did you mean {' or '.join(close[:3])}?" if close else ""
    return Going(place, argument, f"there is no {kind} {argument}{hint}")


def completions(text: str, namespaces: Sequence[str], contexts: Sequence[str]) -> list[str]:
    """Lines that begin as `text` does: words of places, then names after `ns` and `ctx`."""
    word, space, rest = text.lstrip().partition(" ")
    if not space:
        return [words[0] for words in WORDS.values() if words[0].startswith(word.casefold())]
    place = _PLACE.get(word.casefold())
    known = {Place.NAMESPACE: ("all", *namespaces), Place.CONTEXT: tuple(contexts)}.get(place or Place.QUIT, ())
    return [f"{word} {name}" for name in known if name.startswith(rest.strip())]
