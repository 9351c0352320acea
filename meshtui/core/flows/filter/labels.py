"""Kubernetes label selectors over Cilium's labels, `source:key=value`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$", re.IGNORECASE)
_KEY = re.compile(r"^[A-Za-z0-9._/:\-]+$")
_SOURCES = ("any:", "k8s:", "reserved:", "container:", "unspec:", "cidr:", "fqdn:", "node:")


class Requirement(Struct, frozen=True):
    """One clause: `key` is (not) there with one of `values`; no values: it is (not) there at all."""

    key: str
    values: frozenset[str] | None
    wanted: bool

    def matches(self, labels: dict[str, str]) -> bool:
        """A negative clause holds where the key is missing, as in Kubernetes."""
        value = labels.get(self.key)
        if self.values is None:
            return (value is not None) == self.wanted
        return (value in self.values) == self.wanted if value is not None else not self.wanted


class LabelSelector(Struct, frozen=True):
    """A parsed selector: all clauses must hold."""

    requirements: tuple[Requirement, ...]

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """Read a selector. Raises ValueError with what is wrong."""
        return cls(tuple(_requirement(part.strip()) for part in _split(text) if part.strip()))

    def matches(self, labels: Iterable[str]) -> bool:
        """Whether `source:key=value` labels satisfy it."""
        known = _known(labels)
        return all(requirement.matches(known) for requirement in self.requirements)


def _known(labels: Iterable[str]) -> dict[str, str]:
    """Each label under its key with its source, with `any:`, and bare."""
    known: dict[str, str] = {}
    for label in labels:
        full, _, value = label.partition("=")
        source, colon, key = full.partition(":")
        known[full] = value
        if colon:
            known[key] = value
            known[f"any:{key}"] = value
        else:
            known[f"any:{source}"] = value
    return known


def _split(text: str) -> list[str]:
    """At commas outside brackets."""
    return re.split(r",(?![^()]*\))", text)


def _requirement(part: str) -> Requirement:
    if match := _SET.match(part):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(_key(match["key"]), values, match["op"].lower() == "in")
    if part.startswith("!"):
        return Requirement(_key(part[1:].strip()), None, False)
    for operator, wanted in (("!=", False), ("==", True), ("=", True)):
        if operator in part:
            key, _, value = part.partition(operator)
            return Requirement(_key(key.strip()), frozenset({value.strip()}), wanted)
    return Requirement(_key(part), None, True)


def _key(key: str) -> str:
    if not _KEY.match(key) or (":" in key and not key.startswith(_SOURCES)):
        raise ValueError(f"{key or 'nothing'} is not a label key: write KEY=VALUE, KEY!=VALUE, KEY in (A,B), KEY, !KEY")
    return key
