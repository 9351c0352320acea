"""What the API server refuses of Kubernetes' own NetworkPolicies."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

from meshtui.sim import qualified
from meshtui.sim.api.errors import Cause, required, unsupported, wrong
from meshtui.sim.rulebook.ports import is_name

Object = dict[str, Any]
_PROTOCOLS, _TYPES = ("SCTP", "TCP", "UDP"), ("Egress", "Ingress")
_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def network_policy(obj: Object) -> list[Cause]:
    """Everything wrong with a NetworkPolicy (k8s.io/kubernetes/pkg/apis/networking/validation)."""
    spec = obj.get("spec") or {}
    causes = list(_selector("spec.podSelector", spec.get("podSelector") or {}))
    for section, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(section) or ()):
            at = f"spec.{section}[{index}]"
            for place, port in enumerate(rule.get("ports") or ()):
                causes += _port(f"{at}.ports[{place}]", port)
            for place, peer in enumerate(rule.get(side) or ()):
                causes += _peer(f"{at}.{side}[{place}]", peer)
    types = spec.get("policyTypes") or ()
    if len(types) > len(_TYPES):
        return [*causes, wrong("spec.policyTypes", json.dumps(types), "may not specify more than two policyTypes")]
    return causes + [
        unsupported(f"spec.policyTypes[{index}]", json.dumps(each), _TYPES)
        for index, each in enumerate(types)
        if each not in _TYPES
    ]


def _port(at: str, port: Object) -> Iterator[Cause]:
    protocol, number, end = port.get("protocol"), port.get("port"), port.get("endPort")
    if protocol is not None and protocol not in _PROTOCOLS:
        yield unsupported(f"{at}.protocol", json.dumps(protocol), _PROTOCOLS)
    if isinstance(number, str):
        if not (is_name(number) and number == number.lower()):
            text = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
            yield wrong(f"{at}.port", json.dumps(number), text)
        if end is not None:
            yield wrong(f"{at}.endPort", str(end), "may not be specified when `port` is non-numeric")
    elif number is not None and not 0 < number < 65536:
        yield wrong(f"{at}.port", str(number), "must be between 1 and 65535, inclusive")
    if end is None or isinstance(number, str):
        return
    if number is None:
        yield wrong(f"{at}.endPort", str(end), "may not be specified when `port` is not specified")
    elif end < number:
        yield wrong(f"{at}.endPort", str(end), "must be greater than or equal to `port`")
    elif end > 65535:
        yield wrong(f"{at}.endPort", str(end), "must be between 1 and 65535, inclusive")


def _peer(at: str, peer: Object) -> Iterator[Cause]:
    given = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    if not given:
        yield required(at, "must specify a peer")
    elif "ipBlock" in given and len(given) > 1:
        yield ("FieldValueForbidden", "Forbidden: may not specify both ipBlock and another peer", at)
    for name in given:
        if name == "ipBlock":
            yield from _block(f"{at}.ipBlock", peer["ipBlock"])
        else:
            yield from _selector(f"{at}.{name}", peer[name])


def _block(at: str, block: Object) -> Iterator[Cause]:
    text = block.get("cidr")
    if not text:
        yield required(f"{at}.cidr")
        return
    whole = _network(text)
    if whole is None:
        yield wrong(f"{at}.cidr", json.dumps(text), _CIDR)
    for index, inner in enumerate(block.get("except") or ()):
        part = _network(inner)
        if part is None:
            yield wrong(f"{at}.except[{index}]", json.dumps(inner), _CIDR)
        elif whole is not None and not (
            part.version == whole.version and part.network_address in whole and part.prefixlen > whole.prefixlen
        ):
            yield wrong(f"{at}.except[{index}]", json.dumps(inner), "must be a strict subset of `cidr`")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _selector(at: str, selector: Object) -> Iterator[Cause]:
    for key, value in (selector.get("matchLabels") or {}).items():
        for why in qualified.key_errors(key):
            yield wrong(f"{at}.matchLabels", json.dumps(key), why)
        for why in qualified.value_errors(str(value)):
            yield wrong(f"{at}.matchLabels", json.dumps(value), why)
    for index, each in enumerate(selector.get("matchExpressions") or ()):
        place, operator, values = f"{at}.matchExpressions[{index}]", each.get("operator"), each.get("values") or ()
        if operator not in _OPERATORS:
            yield wrong(f"{place}.operator", json.dumps(operator), "not a valid selector operator")
        elif operator in ("In", "NotIn") and not values:
            yield required(f"{place}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and values:
            text = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield ("FieldValueForbidden", text, f"{place}.values")
        for why in qualified.key_errors(str(each.get("key", ""))):
            yield wrong(f"{place}.key", json.dumps(each.get("key", "")), why)
