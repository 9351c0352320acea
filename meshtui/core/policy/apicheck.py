"""What an API server finds wrong with a Cilium policy by the schema of its definition: it is then not stored at all.

The parts of the schema that decide whether a policy is taken, in the API server's words; what it drops or completes
without a word is not told. Source: pkg/k8s/apis/cilium.io/client/crds/v2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshtui.core.policy.agentcheck import LONGEST_LIST, SECTIONS
from meshtui.core.policy.ports import TYPES_V4, TYPES_V6
from meshtui.core.policy.reading import Reading
from meshtui.core.policy.rules import parse_network

Raw = Mapping[str, Any]

_ENTITIES = (
    "all", "world", "cluster", "host", "init", "ingress", "unmanaged", "remote-node", "health", "none",
    "kube-apiserver",
)  # fmt: skip
_PROTOCOLS = ("TCP", "UDP", "SCTP", "VRRP", "IGMP", "ANY")
_MODES = ("disabled", "required", "test-always-fail")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_LONGEST_VALUE = 63


def complaint(document: Raw, reading: Reading) -> str:
    """Why an API server does not take a policy, empty where it does."""
    found: list[str] = []
    if document.get("spec") is not None:
        found += _spec(document["spec"], "spec", reading)
    for number, spec in enumerate(document.get("specs") or ()):
        found += _spec(spec, f"specs[{number}]", reading)
    return "" if not found else found[0] if len(found) == 1 else f"[{', '.join(found)}]"


def _spec(spec: Raw, at: str, reading: Reading) -> Iterator[str]:
    nulls = [key for key in (*SECTIONS, "endpointSelector", "nodeSelector") if key in spec and spec[key] is None]
    for key in nulls:
        kind = "object" if key.endswith("Selector") else "array"
        yield f'{at}.{key}: Invalid value: "null": {at}.{key} in body must be of type {kind}: "null"'
    if not nulls and not any(key in spec for key in SECTIONS) and reading.does.sections_required:
        yield f'<nil>: Invalid value: "": "{at}" must validate at least one schema (anyOf)'
    selectors = sum(key in spec for key in ("endpointSelector", "nodeSelector"))
    if selectors != 1:
        which = "Found none valid" if not selectors else "Found 2 valid alternatives"
        yield f'<nil>: Invalid value: "": "{at}" must validate one and only one schema (oneOf). {which}'
    for direction, wanted in (spec.get("enableDefaultDeny") or {}).items():
        if not isinstance(wanted, bool):
            where = f"{at}.enableDefaultDeny.{direction}"
            yield f'{where}: Invalid value: "{wanted}": {where} in body must be of type boolean'
    for section in SECTIONS:
        for number, raw in enumerate(spec.get(section) or ()):
            yield from _element(raw, f"{at}.{section}[{number}]", "from" if section.startswith("in") else "to", reading)


def _element(raw: Raw, at: str, word: str, reading: Reading) -> Iterator[str]:
    for key, value in raw.items():
        if value is None and key != "authentication":
            yield f'{at}.{key}: Invalid value: "null": {at}.{key} in body must be of type array: "null"'
    if raw.get(f"{word}Requires") and not reading.does.requires:
        yield f"{at}.{word}Requires: Too many: {len(raw[f'{word}Requires'])}: must have at most 0 items"
    known = (*_ENTITIES, "cluster-mesh") if reading.does.cluster_mesh_entity else _ENTITIES
    for number, entity in enumerate(raw.get(f"{word}Entities") or ()):
        yield from _among(entity, known, f"{at}.{word}Entities[{number}]")
    for number, text in enumerate(raw.get(f"{word}CIDR") or ()):
        yield from _cidr(text, f"{at}.{word}CIDR[{number}]")
    for number, item in enumerate(raw.get(f"{word}CIDRSet") or ()):
        yield from _cidr_set(item, f"{at}.{word}CIDRSet[{number}]")
    for member in ("Endpoints", "Nodes"):
        for number, selector in enumerate(raw.get(word + member) or ()):
            yield from _selector(selector, f"{at}.{word}{member}[{number}]")
    mode = (raw.get("authentication") or {}).get("mode")
    if mode is not None:
        yield from _among(mode, _MODES, f"{at}.authentication.mode")
    for number, item in enumerate(raw.get("toPorts") or ()):
        yield from _ports(item, f"{at}.toPorts[{number}]")
    for number, item in enumerate(raw.get("icmps") or ()):
        yield from _icmps(item.get("fields") or (), f"{at}.icmps[{number}]")


def _among(value: object, known: Sequence[str], at: str) -> Iterator[str]:
    if value not in known:
        yield f'{at}: Unsupported value: "{value}": supported values: ' + ", ".join(f'"{word}"' for word in known)


def _cidr(text: object, at: str) -> Iterator[str]:
    if "/" not in str(text) or parse_network(str(text)) is None:
        yield f'{at}: Invalid value: "{text}": {at} in body must be of type cidr: "{text}"'


def _cidr_set(item: Raw, at: str) -> Iterator[str]:
    given = [key for key in ("cidr", "cidrGroupRef", "cidrGroupSelector") if item.get(key) is not None]
    if len(given) != 1:
        which = "Found none valid" if not given else f"Found {len(given)} valid alternatives"
        yield f'<nil>: Invalid value: "": "{at}" must validate one and only one schema (oneOf). {which}'
    if item.get("cidr") is not None:
        yield from _cidr(item["cidr"], f"{at}.cidr")
    for number, hole in enumerate(item.get("except") or ()):
        yield from _cidr(hole, f"{at}.except[{number}]")


def _selector(selector: Raw | None, at: str) -> Iterator[str]:
    for key, value in ((selector or {}).get("matchLabels") or {}).items():
        if len(str(value)) > _LONGEST_VALUE:
            yield f"{at}.matchLabels.{key}: Too long: may not be more than 63 bytes"
    for number, item in enumerate((selector or {}).get("matchExpressions") or ()):
        yield from _among(item.get("operator"), _OPERATORS, f"{at}.matchExpressions[{number}].operator")


def _ports(item: Raw, at: str) -> Iterator[str]:
    listed = item.get("ports") or ()
    if len(listed) > LONGEST_LIST:
        yield f"{at}.ports: Too many: {len(listed)}: must have at most {LONGEST_LIST} items"
    for number, port in enumerate(listed):
        if "protocol" in port:
            yield from _among(port["protocol"], _PROTOCOLS, f"{at}.ports[{number}].protocol")
    names = item.get("serverNames")
    if names is not None and not names:
        yield f"{at}.serverNames: Invalid value: 0: {at}.serverNames in body should have at least 1 items"
    for number, name in enumerate(names or ()):
        if not name:
            yield f'{at}.serverNames[{number}]: Invalid value: "": {at}.serverNames[{number}] in body should be a name'
    kinds = [key for key in ("http", "kafka", "dns", "l7proto") if key in (item.get("rules") or {})]
    if len(kinds) > 1:
        which = f"must validate one and only one schema (oneOf). Found {len(kinds)} valid alternatives"
        yield f'<nil>: Invalid value: "": "{at}.rules" {which}'


def _icmps(fields: Sequence[Raw], at: str) -> Iterator[str]:
    for number, field in enumerate(fields):
        where, kind = f"{at}.fields[{number}]", str(field.get("type", ""))
        if "family" in field:
            yield from _among(field["family"], ("IPv4", "IPv6"), f"{where}.family")
        small = kind.isdigit() and int(kind) <= 255
        if not small and kind not in TYPES_V4 and kind not in TYPES_V6:
            yield f'{where}.type: Invalid value: "{kind}": {where}.type in body should match a type\'s number or name'
