"""What the schema of Cilium's policies refuses at the API server, before any agent sees it."""

from __future__ import annotations

import json
import re
from typing import Any

from meshtui.sim.api.errors import Cause, required, unsupported, wrong
from meshtui.sim.store import Object

PROTOCOLS = ("TCP", "UDP", "SCTP", "VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH", "ANY")
ENTITIES = (
    "all", "world", "cluster", "host", "init", "ingress", "unmanaged", "remote-node", "health", "none",
    "kube-apiserver",
)  # fmt: skip
SECTIONS = ("ingress", "ingressDeny", "egress", "egressDeny")
_LISTS = (
    "fromEndpoints", "fromEntities", "fromCIDR", "fromCIDRSet", "fromNodes", "fromRequires", "toEndpoints",
    "toEntities", "toCIDR", "toCIDRSet", "toNodes", "toServices", "toFQDNs", "toPorts", "icmps",
)  # fmt: skip
_PORT = re.compile(
    r"^(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})$"
    r"|^([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*$"
)
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_UNCHECKED = (
    "FieldValueInvalid",
    (
        "Invalid value: null: some validation rules were not checked because the object was invalid; correct the "
        "existing errors to complete validation"
    ),
    "<nil>",
)


def policy(obj: Object) -> list[Cause]:
    """Causes to refuse a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy."""
    causes: list[Cause] = []
    if obj.get("spec") is not None:
        causes += _rule("spec", obj["spec"])
    specs = obj.get("specs")
    if specs is not None and not isinstance(specs, list):
        causes.append(_type("specs", specs, "array"))
    for index, rule in enumerate(specs if isinstance(specs, list) else []):
        causes += _rule(f"specs[{index}]", rule)
    return [*causes, _UNCHECKED] if causes else []


def _type(path: str, value: Any, wanted: str) -> Cause:
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    told = json.dumps(value) if isinstance(value, str) else json.dumps(kinds.get(type(value), "null"))
    text = f"{path} in body must be of type {wanted}: {json.dumps(kinds.get(type(value), 'null'))}"
    return ("FieldValueTypeInvalid", f"Invalid value: {told}: {text}", path)


def _rule(path: str, rule: Any) -> list[Cause]:
    if not isinstance(rule, dict):
        return [_type(path, rule, "object")]
    causes: list[Cause] = []
    for selector in ("endpointSelector", "nodeSelector"):
        causes += _selector(f"{path}.{selector}", rule.get(selector))
    for section in SECTIONS:
        elements = rule.get(section)
        if elements is None:
            continue
        if not isinstance(elements, list):
            causes.append(_type(f"{path}.{section}", elements, "array"))
            continue
        for index, element in enumerate(elements):
            causes += _element(f"{path}.{section}[{index}]", element)
    return causes


def _element(path: str, element: Any) -> list[Cause]:
    if not isinstance(element, dict):
        return [_type(path, element, "object")]
    causes: list[Cause] = []
    for member in _LISTS:
        value = element.get(member)
        if value is not None and not isinstance(value, list):
            causes.append(_type(f"{path}.{member}", value, "array"))
    for member in ("fromEndpoints", "toEndpoints", "fromNodes", "toNodes"):
        for index, selector in enumerate(_list(element, member)):
            causes += _selector(f"{path}.{member}[{index}]", selector)
    for member in ("fromEntities", "toEntities"):
        for index, entity in enumerate(_list(element, member)):
            if entity not in ENTITIES:
                causes.append(unsupported(f"{path}.{member}[{index}]", json.dumps(entity), ENTITIES))
    for index, group in enumerate(_list(element, "toPorts")):
        causes += _ports(f"{path}.toPorts[{index}]", group)
    return causes


def _list(element: dict[str, Any], member: str) -> list[Any]:
    value = element.get(member)
    return value if isinstance(value, list) else []


def _ports(path: str, group: Any) -> list[Cause]:
    if not isinstance(group, dict):
        return [_type(path, group, "object")]
    causes: list[Cause] = []
    for index, port in enumerate(_list(group, "ports")):
        at = f"{path}.ports[{index}]"
        if not isinstance(port, dict):
            causes.append(_type(at, port, "object"))
            continue
        number = port.get("port")
        if number is None:
            causes.append(required(f"{at}.port"))
        elif not isinstance(number, str):
            causes.append(_type(f"{at}.port", number, "string"))
        elif not _PORT.match(number):
            text = f"{at}.port in body should match '{_PORT.pattern}'"
            causes.append(wrong(f"{at}.port", json.dumps(number), text))
        if "protocol" in port and port["protocol"] not in PROTOCOLS:
            causes.append(unsupported(f"{at}.protocol", json.dumps(port["protocol"]), PROTOCOLS))
    return causes


def _selector(path: str, selector: Any) -> list[Cause]:
    if selector is None:
        return []
    if not isinstance(selector, dict):
        return [_type(path, selector, "object")]
    causes = [
        _type(f"{path}.matchLabels.{key}", value, "string")
        for key, value in (selector.get("matchLabels") or {}).items()
        if not isinstance(value, str)
    ]
    for index, expression in enumerate(selector.get("matchExpressions") or []):
        operator = expression.get("operator") if isinstance(expression, dict) else None
        if operator not in _OPERATORS:
            at = f"{path}.matchExpressions[{index}].operator"
            causes.append(unsupported(at, json.dumps(operator), _OPERATORS))
    return causes
