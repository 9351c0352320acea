"""Label and field selectors as list and watch take them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from meshtui.sim.api.errors import bad_request
from meshtui.sim.store import Object

Predicate = Callable[[Object], bool]
_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s=!]+)\s*(?P<op>!=|==|=)\s*(?P<value>[^\s=!]*)$")
_KEY = re.compile(r"^(?P<not>!?)\s*(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)$")


def labels(text: str) -> Predicate | None:
    """A test of an object's labels; None when the selector is empty. Raises ApiError 400."""
    tests = [_requirement(part.strip()) for part in _split(text) if part.strip()]
    if not tests:
        return None

    def matches(obj: Object) -> bool:
        found = obj.get("metadata", {}).get("labels") or {}
        return all(test(found) for test in tests)

    return matches


def match_labels(selector: dict[str, Any] | None) -> Callable[[dict[str, str]], bool]:
    """A test of labels from a LabelSelector object (matchLabels, matchExpressions)."""
    wanted = (selector or {}).get("matchLabels") or {}
    expressions = (selector or {}).get("matchExpressions") or []

    def matches(found: dict[str, str]) -> bool:
        equal = all(found.get(key) == value for key, value in wanted.items())
        return equal and all(_expression(e, found) for e in expressions)

    return matches


def _expression(expression: dict[str, Any], found: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return found.get(key) in values
        case "NotIn":
            return found.get(key) not in values
        case "Exists":
            return key in found
        case _:
            return key not in found


def _split(text: str) -> list[str]:
    """Split at commas outside parentheses."""
    return re.split(r",(?![^(]*\))", text)


def _requirement(text: str) -> Callable[[dict[str, str]], bool]:
    if found := _SET.match(text):
        values = {v.strip() for v in found["values"].split(",")}
        key = found["key"]
        if found["op"] == "in":
            return lambda has: has.get(key) in values
        return lambda has: has.get(key) not in values
    if found := _EQUAL.match(text):
        key, value = found["key"], found["value"]
        if found["op"] == "!=":
            return lambda has: has.get(key) != value
        return lambda has: has.get(key) == value
    if found := _KEY.match(text):
        key = found["key"]
        if found["not"]:
            return lambda has: key not in has
        return lambda has: key in has
    raise bad_request(f"unable to parse requirement: found '{text}', expected: !, identifier, or 'end of string'")


_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
        "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "events": (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
        "reason", "reportingComponent", "source", "type",
    ),
    "replicasets": ("status.replicas",),
    "jobs": ("status.successful",),
}  # fmt: skip


def fields(text: str, plural: str, group_version: str, kind: str) -> Predicate | None:
    """A test of the fields this resource can be selected by; None when empty. Raises ApiError 400."""
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(plural, ()))
    tests: list[Predicate] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        found = re.match(r"^([^=!]+)(!=|==|=)(.*)$", part)
        if not found:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        key, operator, value = found[1].strip(), found[2], found[3].strip()
        if key not in known:
            raise bad_request(
                f"field label not supported: {key}"
                if "cilium" in group_version
                else f'"{key}" is not a known field selector: only "metadata.name", "metadata.namespace"'
                if plural not in _FIELDS
                else f"field label not supported: {key}"
            )
        tests.append(_field_test(key, value, operator != "!="))
    if not tests:
        return None
    return lambda obj: all(test(obj) for test in tests)


def _field_test(path: str, value: str, equal: bool) -> Predicate:
    steps = path.split(".")

    def test(obj: Object) -> bool:
        at: Any = obj
        for step in steps:
            at = at.get(step) if isinstance(at, dict) else None
        if isinstance(at, bool):
            at = "true" if at else "false"
        return (("" if at is None else str(at)) == value) is equal

    return test
