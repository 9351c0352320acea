"""What Kubernetes' own validation says of a label selector, as Cilium's agents ask it of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.core.policy.selectors import parse_key

_NAME = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_DOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
LONGEST_NAME, LONGEST_DOMAIN = 63, 253

_NAME_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def complaint(raw: Mapping[str, Any] | None, *, source: str = "") -> str:
    """Why a selector is invalid, empty when it is not.

    Keys are checked as the agent holds them, the source before a dot: `any.app`. Source: pkg/policy/api/selector.go,
    apimachinery's ValidateLabelSelector.
    """
    found = list(_errors(raw or {}, source))
    if not found:
        return ""
    return f"invalid label selector: {found[0] if len(found) == 1 else '[' + ', '.join(found) + ']'}"


def _errors(raw: Mapping[str, Any], source: str) -> Iterator[str]:
    for key, value in (raw.get("matchLabels") or {}).items():
        yield from (f'matchLabels: Invalid value: "{_held(key, source)}": {why}' for why in _key(_held(key, source)))
        yield from (f'matchLabels: Invalid value: "{value}": {why}' for why in _value(str(value)))
    for index, item in enumerate(raw.get("matchExpressions") or ()):
        at, operator = f"matchExpressions[{index}]", item.get("operator")
        values = item.get("values") or ()
        if operator in ("In", "NotIn") and not values:
            yield f"{at}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
        if operator in ("Exists", "DoesNotExist") and values:
            yield f"{at}.values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        if operator not in _OPERATORS:
            yield f'{at}.operator: Invalid value: "{operator}": not a valid selector operator'
        held = _held(str(item.get("key", "")), source)
        yield from (f'{at}.key: Invalid value: "{held}": {why}' for why in _key(held))
        for number, value in enumerate(values):
            yield from (f'{at}.values[{number}]: Invalid value: "{value}": {why}' for why in _value(str(value)))


def _held(key: str, source: str) -> str:
    where, name = (source, key) if source else parse_key(key)
    return f"{where}.{name}"


def _key(key: str) -> Iterator[str]:
    """A qualified name: a DNS subdomain and a slash, perhaps, and a name."""
    prefix, slash, name = key.rpartition("/")
    if slash and not prefix:
        yield "prefix part must be non-empty"
    elif "/" in prefix:
        yield f"a qualified name {_NAME_RULE.removeprefix('name part ')} with an optional DNS subdomain prefix and '/'"
        return
    elif slash and (len(prefix) > LONGEST_DOMAIN or not _DOMAIN.match(prefix)):
        yield (
            "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
            "'.', and must start and end with an alphanumeric character"
        )
    if not name:
        yield "name part must be non-empty"
    elif len(name) > LONGEST_NAME:
        yield "name part must be no more than 63 bytes"
    elif not _NAME.match(name):
        yield _NAME_RULE


def _value(value: str) -> Iterator[str]:
    if len(value) > LONGEST_NAME:
        yield "must be no more than 63 bytes"
    elif not _VALUE.match(value):
        yield _VALUE_RULE
