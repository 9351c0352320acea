"""A compiled policy in words: whom it selects, which directions it closes, what it lets in and out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtui.core.policy.labels import CLUSTER, NAMESPACE, NAMESPACE_LABELS
from meshtui.core.policy.model import Entry, Peer, PeerKind, Rule, TrafficDirection
from meshtui.core.policy.ports import PortRule
from meshtui.core.policy.selectors import Requirement, Selector

_ACTS = {
    (TrafficDirection.INGRESS, False): "lets in",
    (TrafficDirection.EGRESS, False): "lets out to",
    (TrafficDirection.INGRESS, True): "never lets in",
    (TrafficDirection.EGRESS, True): "never lets out to",
}
_ENTITIES = {"all": "anybody", "cluster": "all of this cluster", "cluster-mesh": "all of every cluster"}
NOBODY = "nobody"


def subject(rule: Rule) -> str:
    """Whom a rule selects: `name=x-wing in default`."""
    return selector(rule.subject)


def selector(found: Selector) -> str:
    """A selector in words, with what Cilium adds to it: `name=x-wing of its own cluster in default`."""
    labels, spaces, clusters = [], [], []
    for each in found.requirements:
        if each.key == NAMESPACE:
            spaces.append(_where(each, "in", "any namespace"))
        elif each.key == CLUSTER:
            own = each is found.implied_cluster
            clusters.append("of its own cluster" if own else _where(each, "of", "any cluster"))
        elif each.key.startswith(NAMESPACE_LABELS):
            spaces.append(f"in namespaces with {_label(each, each.key.removeprefix(NAMESPACE_LABELS))}")
        elif each.source == "reserved":
            labels.append(each.key)
        else:
            labels.append(_label(each, each.key))
    return " ".join([" and ".join(labels) or "every pod", *dict.fromkeys(clusters), *dict.fromkeys(spaces)])


def _where(each: Requirement, word: str, anywhere: str) -> str:
    if each.operator == "In":
        return f"{word} {' or '.join(each.values) or 'none'}"
    if each.operator == "NotIn":
        return f"not {word} {' or '.join(each.values)}"
    return f"{word} {anywhere}" if each.operator == "Exists" else f"{word} none"


def _label(each: Requirement, key: str) -> str:
    values = ",".join(each.values)
    if each.operator == "In":
        return f"{key}={values}" if len(each.values) == 1 else f"{key} in ({values})"
    if each.operator == "NotIn":
        return f"{key}!={values}" if len(each.values) == 1 else f"{key} not in ({values})"
    return f"with {key}" if each.operator == "Exists" else f"without {key}"


def peer(found: Peer) -> str:
    """The other side that a rule names."""
    if found.kind in (PeerKind.SELECTOR, PeerKind.PERHAPS):
        return selector(found.selector)
    if found.kind is PeerKind.NODES:
        return f"nodes with {selector(found.selector)}"
    if found.kind is PeerKind.ENTITY:
        return _ENTITIES.get(found.name, found.name)
    holes = f" without {', '.join(map(str, found.excluded))}" if found.excluded else ""
    return f"{found.name}{holes}"


def port(found: PortRule) -> str:
    """`TCP 80`, `UDP 53 through the dns proxy`."""
    protocol = found.protocol if found.protocol != "ANY" else "any protocol"
    numbers = f" {found.first}-{found.last}" if found.last > found.first else f" {found.first}"
    number = f" {found.name}" if found.name else "" if found.every else numbers
    through = f" through the {found.redirect.parser} proxy" if found.redirect is not None else ""
    return f"{protocol}{number}{through}"


def entry(found: Entry, direction: TrafficDirection) -> str:
    """One element of a direction: `lets in name=x-wing of koornacht in default on TCP 80`."""
    whom = " or ".join(dict.fromkeys(map(peer, found.peers))) or ("anybody" if found.else_anybody else NOBODY)
    ports = "" if found.ports is None else f" on {', '.join(_ports(found.ports)) or 'no port'}"
    login = f", authentication {found.authentication}" if found.authentication else ""
    return f"{_ACTS[direction, found.deny]} {whom}{ports}{login}"


def _ports(found: Sequence[PortRule]) -> Iterable[str]:
    """Ports once each; the three protocols of one number are one."""
    protocols: dict[str, list[str]] = {}
    for each in found:
        protocol, _, rest = port(each).partition(" ")
        protocols.setdefault(rest, []).append(protocol)
    return ["/".join(dict.fromkeys(names)) + (f" {rest}" if rest else "") for rest, names in protocols.items()]


def closes(rules: Iterable[Rule]) -> tuple[TrafficDirection, ...]:
    """Directions whose default deny some of the rules switch on, ingress first."""
    closed = {direction for rule in rules for direction in rule.default_deny}
    return tuple(direction for direction in (TrafficDirection.INGRESS, TrafficDirection.EGRESS) if direction in closed)


def sentences(rules: Sequence[Rule]) -> tuple[str, ...]:
    """What rules do, a sentence for each element and each direction without one, ingress first."""
    told: dict[str, None] = {}
    for rule in rules:
        for direction in (TrafficDirection.INGRESS, TrafficDirection.EGRESS):
            if direction not in rule.entries:
                continue
            allowed = [each for each in rule.entries[direction] if not each.deny]
            if not allowed and direction in rule.default_deny:
                told[f"{_ACTS[direction, False]} {NOBODY}"] = None
            told.update(dict.fromkeys(entry(each, direction) for each in rule.entries[direction]))
    return tuple(told)
