"""Kubernetes label selectors over Hubble's labels, whose keys may carry a source."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_SOURCES = ("k8s", "any", "reserved", "cidr", "cidrgroup", "node", "fqdn")


class LabelSelector:
    """`k8s:app=web,tier in (a,b),!canary`: comma means and."""

    def __init__(self, text: str) -> None:
        self._terms = [_term(part.strip()) for part in re.split(r",(?![^(]*\))", text) if part.strip()]
        if not self._terms:
            raise ValueError("empty selector")

    def matches(self, labels: Sequence[str]) -> bool:
        """Whether labels like `k8s:name=x-wing` meet every term."""
        return all(_holds(term, labels) for term in self._terms)


def _term(text: str) -> tuple[str, str, tuple[str, ...]]:
    found = _SET.match(text)
    if found:
        return found["key"], found["op"], tuple(v.strip() for v in found["values"].split(","))
    for sign, name in (("!=", "notin"), ("==", "in"), ("=", "in")):
        key, split, value = text.partition(sign)
        if split:
            if not key.strip():
                raise ValueError(f"found '{sign}' without a key")
            return key.strip(), name, (value.strip(),)
    if " " in text:
        raise ValueError(f"unable to parse requirement: {text!r}")
    return (text[1:].strip(), "absent", ()) if text.startswith("!") else (text, "exists", ())


def _holds(term: tuple[str, str, tuple[str, ...]], labels: Sequence[str]) -> bool:
    key, operator, values = term
    source, colon, name = key.partition(":")
    if not colon or source not in _SOURCES:
        source, name = "any", key
    found = []
    for label in labels:
        full, _, value = label.partition("=")
        own, _, bare = full.partition(":")
        if (source == "any" and name in (bare, full)) or (own, bare) == (source, name):
            found.append(value)
    if operator == "exists":
        return bool(found)
    if operator == "absent":
        return not found
    if operator == "in":
        return any(v in values for v in found)
    return not any(v in values for v in found)
