"""Which policies an agent refuses as a whole, and what the operator says of them in the condition Valid."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from meshtui.sim import qualified
from meshtui.sim.rulebook import ports as port_rules
from meshtui.sim.rulebook.peers import ENTITIES
from meshtui.sim.rulebook.rules import specs_of
from meshtui.sim.rulebook.selectors import split_key
from meshtui.sim.rulebook.versions import (
    CLUSTER_MESH_ENTITY,
    NODE_SPEC_SPOILS,
    OPERATOR_CHECKS_AUTH,
    OPERATOR_LAST_SPEC,
    PORTLESS_PROTOCOLS,
    SECTIONS_REQUIRED,
    SERVICES_WITH_PORTS,
    Version,
)

Object = dict[str, Any]
Config = Mapping[str, str]
MOST_PORTS = MOST_ICMP_FIELDS = 40
SUCCEEDED = "Policy validation succeeded"
NODES_NEED_OPTION = 'FromNodes/ToNodes rules can only be applied when the "enable-node-selector-labels" flag is set'
_MEMBERS = {
    "from": ("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes", "Groups"),
    "to": ("CIDR", "CIDRSet", "Endpoints", "Entities", "Services", "Groups", "Nodes", "FQDNs"),
}
_L7 = {"dns": "DNS", "http": "HTTP", "kafka": "Kafka"}


class Invalid(ValueError):
    """A policy the agent refuses; the text is its reason."""


def agent(obj: Object, version: Version, config: Config) -> str:
    """Why the agents do not take a policy, in the words of their log; empty where they take it.

    Source: pkg/policy/api/rule_validation.go, pkg/k8s/apis/cilium.io/v2/cnp_types.go.
    """
    kind = f"Invalid {obj['kind']}"
    if obj.get("spec") is None and obj.get("specs") is None:
        return f"{kind} spec(s): empty policy"
    namespaced = bool(obj["metadata"].get("namespace"))
    for index, spec in enumerate(specs_of(obj)):
        where = "spec" if index == 0 and obj.get("spec") is not None else "specs"
        why = rule(spec, version, config)
        if why:
            return f"{kind} {where}: {why}"
        if namespaced and spec.get("nodeSelector") is not None and NODE_SPEC_SPOILS.at(version):
            return f"{kind} spec: rule cannot have NodeSelector"
    return ""


def operator(obj: Object, version: Version, config: Config) -> str:
    """What the operator finds wrong, a line each; empty where it says Valid (operator/pkg/networkpolicy/cell.go).

    It neither sees an empty policy nor a namespaced one for nodes, and it marks what the agents enforce all the same.
    """
    found = []
    for spec in specs_of(obj):
        found.append(rule(spec, version, config))
        if OPERATOR_CHECKS_AUTH.at(version) and config.get("mesh-auth-enabled", "false") != "true":
            found.append(_authentication(spec))
    if OPERATOR_LAST_SPEC.at(version):
        found = found[-1:]
    return "\n".join(why for why in found if why)


def derivative(obj: Object) -> bool:
    """Whether agents leave it to a policy that the operator derives from it (toGroups, fromGroups)."""
    return any(
        element.get(member)
        for spec in specs_of(obj)
        for section in ("ingress", "egress", "ingressDeny", "egressDeny")
        for element in spec.get(section) or ()
        for member in ("fromGroups", "toGroups")
    )


def _authentication(spec: Object) -> str:
    for section, word in (("ingress", "an ingress"), ("egress", "an egress")):
        if any(element.get("authentication") is not None for element in spec.get(section) or ()):
            return f"mutual auth feature is disabled but {word} auth rule is defined in policy"
    return ""


def rule(spec: Object, version: Version, config: Config) -> str:
    """Why one rule is invalid; empty where it is not."""
    try:
        _Check(version, config).rule(spec)
    except Invalid as why:
        return str(why)
    return ""


class _Check:
    """The checks of one rule, in the order an agent makes them; the first that fails speaks."""

    def __init__(self, version: Version, config: Config) -> None:
        self._version = version
        self._config = config
        self._host = False

    def _on(self, option: str, default: str = "true") -> bool:
        return self._config.get(option, default).lower() == "true"

    def rule(self, spec: Object) -> None:
        """One rule. Raises Invalid."""
        sections = ("ingress", "ingressDeny", "egress", "egressDeny")
        if SECTIONS_REQUIRED.at(self._version) and not any(spec.get(k) for k in sections):
            raise Invalid("rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny")
        subjects = [spec[k] for k in ("endpointSelector", "nodeSelector") if spec.get(k) is not None]
        if not subjects:
            raise Invalid("rule must have one of EndpointSelector or NodeSelector")
        if len(subjects) == 2:
            raise Invalid("rule cannot have both EndpointSelector and NodeSelector")
        selector(subjects[0])
        self._host = spec.get("nodeSelector") is not None
        for section in sections:
            for element in spec.get(section) or ():
                self._element(element, section)

    def _element(self, element: Object, section: str) -> None:
        ingress, deny = section.startswith("ingress"), section.endswith("Deny")
        self._peers(element, "from" if ingress else "to")
        if element.get("toServices") and element.get("toPorts") and not SERVICES_WITH_PORTS.at(self._version):
            raise Invalid("combining ToServices and ToPorts is not supported yet")
        if not deny:
            self._l7_allowed(element, ingress=ingress)
        if element.get("icmps") and not self._on("enable-icmp-rules"):
            raise Invalid('ICMP rules can only be applied when the "enable-icmp-rules" flag is set')
        if element.get("icmps") and element.get("toPorts"):
            raise Invalid("the ICMPs block may only be present without ToPorts. Define a separate rule to use ToPorts")
        for item in element.get("toPorts") or ():
            self._ports(item, ingress=ingress, deny=deny)
        for icmp in element.get("icmps") or ():
            if len(icmp.get("fields") or ()) > MOST_ICMP_FIELDS:
                raise Invalid(f"too many types, the max is {MOST_ICMP_FIELDS}")
            for field in icmp.get("fields") or ():
                _icmp(field)
        for name in () if deny else element.get("toFQDNs") or ():
            if name.get("matchName") and name.get("matchPattern"):
                raise Invalid("only one of MatchName or MatchPattern is allowed in an FQDN policy rule")

    def _l7_allowed(self, element: Object, *, ingress: bool) -> None:
        counts: dict[str, int] = {}
        for item in element.get("toPorts") or ():
            for kind, word in _L7.items() if _l7(item) else ():
                counts[word] = counts.get(word, 0) + len((item["rules"]).get(kind) or ())
        if counts and ingress and self._host:
            raise Invalid("L7 policy is not supported on host ingress yet")
        if counts and not self._on("enable-l7-proxy"):
            raise Invalid("L7 policy is not supported since L7 proxy is not enabled")
        for word, count in counts.items():
            refused = word == "DNS" if ingress else self._host and word != "DNS"
            if count and refused:
                where = "ingress" if ingress else "host egress"
                raise Invalid(f"L7 protocol {word} is not supported on {where} yet")

    def _peers(self, element: Object, side: str) -> None:
        given = [f"{side.capitalize()}{m}" for m in _MEMBERS[side] if element.get(f"{side}{m}")]
        if len(given) > 1:
            raise Invalid(f"combining {given[0]} and {given[1]} is not supported yet")
        late = (
            NODES_NEED_OPTION
            if element.get(f"{side}Nodes") and not self._on("enable-node-selector-labels", "false")
            else ""
        )
        try:
            for member in ("Endpoints", "Nodes"):
                for each in element.get(f"{side}{member}") or ():
                    selector(each)
            for text in element.get(f"{side}CIDR") or ():
                _cidr(text)
            for item in element.get(f"{side}CIDRSet") or ():
                _cidr_rule(item)
            for entity in element.get(f"{side}Entities") or ():
                if entity not in ENTITIES or (entity == "cluster-mesh" and not CLUSTER_MESH_ENTITY.at(self._version)):
                    raise Invalid(f"unsupported entity: {entity}")
        except Invalid as why:
            raise Invalid("\n".join(t for t in (str(why), late) if t)) from None
        if late:
            raise Invalid(late)

    def _ports(self, item: Object, *, ingress: bool, deny: bool) -> None:
        rules = None if deny else _l7(item)
        dns = bool((rules or {}).get("dns"))
        if ingress and dns:
            raise Invalid("DNS rules are not allowed on ingress")
        names = () if deny else item.get("serverNames") or ()
        if names and rules and not item.get("terminatingTLS"):
            raise Invalid("ServerNames are not allowed with L7 rules without TLS termination")
        if "" in names:
            raise Invalid("empty server name is not allowed")
        listed = item.get("ports") or ()
        if len(listed) > MOST_PORTS:
            raise Invalid(f"too many ports, the max is {MOST_PORTS}")
        zero = False
        for port in listed:
            zero = self._port(port, dns=dns) or zero
            protocol = str(port.get("protocol") or "ANY").upper()
            if rules and not dns and protocol != "TCP":
                raise Invalid(f"L7 rules can only apply to TCP (not {port.get('protocol') or ''}) except for DNS rules")
        if not deny and item.get("listener"):
            name = item["listener"].get("name", "")
            if ingress:
                raise Invalid(f"Listener is not allowed on ingress ({name})")
            if rules:
                raise Invalid(f"Listener is not allowed with L7 rules ({name})")
        if rules:
            if zero:
                raise Invalid("L7 rules can not be used when a port is 0")
            _l7_rules(rules, listed)

    def _port(self, port: Object, *, dns: bool) -> bool:
        """Whether it is port 0."""
        text = str(port.get("port") or "")
        if not text:
            if not (PORTLESS_PROTOCOLS.at(self._version) and self._on("enable-extended-ip-protocols", "false")):
                raise Invalid("port must be specified")
            return False
        if port_rules.is_name(text):
            return False
        if text != "0" and port.get("protocol") in ("VRRP", "IGMP"):
            raise Invalid("port must be empty or 0")
        try:
            number = port_rules.number(text)
        except ValueError as why:
            raise Invalid(f"unable to parse port: {why}") from None
        if dns and int(port.get("endPort") or 0) > number:
            raise Invalid("DNS rules do not support port ranges")
        return number == 0


def _icmp(field: Object) -> None:
    """A name of the other family: agents cannot even read such a policy."""
    try:
        port_rules.icmp_type(field)
    except ValueError:
        raise Invalid(f"missing or invalid icmp type: {field.get('type')}") from None


def _l7(item: Object) -> Object | None:
    rules = item.get("rules") or {}
    return rules if any(rules.get(k) for k in (*_L7, "l7", "l7proto")) else None


def _l7_rules(rules: Object, listed: list[Object] | tuple[()]) -> None:
    kinds = sum(rules.get(k) is not None for k in _L7) + bool(rules.get("l7proto"))
    for each in rules.get("http") or ():
        for text in (each.get("path"), each.get("method")):
            _pattern(text or "")
    if rules.get("dns") is not None and not listed:
        raise Invalid("port 53 must be specified for DNS rules")
    if rules.get("l7") is not None and not rules.get("l7proto"):
        raise Invalid("'l7' may only be specified when a 'l7proto' is also specified")
    if kinds > 1:
        raise Invalid("multiple L7 protocol rule types specified in single rule")


_GO_WORDS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("unterminated character set", lambda t: f"missing closing ]: `{t[t.rindex('[') :]}`"),
    ("missing ), unterminated subpattern", lambda t: f"missing closing ): `{t}`"),
    ("unbalanced parenthesis", lambda t: f"unexpected ): `{t}`"),
    ("nothing to repeat", lambda t: f"missing argument to repetition operator: `{t[0]}`"),
)


def _pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        words = next((go(text) for ours, go in _GO_WORDS if error.msg.startswith(ours)), f"invalid syntax: `{text}`")
        raise Invalid(f"error parsing regexp: {words}") from None


def _cidr(text: str) -> None:
    if not text:
        raise Invalid("IP must be specified")
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Invalid(f"unable to parse CIDR: ParseAddr({json.dumps(text)}): unable to parse IP") from None


def _prefix(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if "/" not in text:
        raise ValueError(f"netip.ParsePrefix({json.dumps(text)}): no '/'")
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        address = text.partition("/")[0]
        raise ValueError(
            f"netip.ParsePrefix({json.dumps(text)}): ParseAddr({json.dumps(address)}): unable to parse IP"
        ) from None


def _cidr_rule(item: Object) -> None:
    kinds = [bool(item.get("cidrGroupRef")), bool(item.get("cidr")), item.get("cidrGroupSelector") is not None]
    if item.get("cidrGroupSelector") is not None:
        why = _first(_wrong_selector(item["cidrGroupSelector"], str))
        if why:
            raise Invalid(f"failed to sanitize cidrGroupSelector {item['cidrGroupSelector']}: {why}")
    if sum(kinds) == 0:
        raise Invalid("one of cidr, cidrGroupRef, or cidrGroupSelector is required")
    if sum(kinds) > 1:
        raise Invalid("more than one of cidr, cidrGroupRef, or cidrGroupSelector may not be set")
    if not item.get("cidr"):
        return
    try:
        whole = _prefix(item["cidr"])
    except ValueError as why:
        raise Invalid(f"unable to parse CIDRRule {json.dumps(item['cidr'])}: {why}") from None
    for text in item.get("except") or ():
        try:
            part = _prefix(text)
        except ValueError as why:
            raise Invalid(str(why)) from None
        if part.version != whole.version or part.network_address not in whole:
            raise Invalid(f"allow CIDR prefix {item['cidr']} does not contain exclude CIDR prefix {text}")


def selector(written: Object) -> None:
    """Raise Invalid for an endpoint selector whose keys or values are no labels."""
    found = list(_wrong_selector(written, _extended))
    if found:
        raise Invalid("invalid label selector: " + _first(found))


def _first(found: Iterator[str] | list[str]) -> str:
    """One error as it is; several in brackets."""
    told = list(found)
    return told[0] if len(told) == 1 else f"[{', '.join(told)}]" if told else ""


def _extended(key: str) -> str:
    """`k8s:app` as the agent keeps it: `k8s.app`."""
    return ".".join(split_key(key))


def _wrong_selector(written: Object, spelled: Callable[[str], str]) -> Iterator[str]:
    for key, value in (written.get("matchLabels") or {}).items():
        for why in qualified.key_errors(spelled(key)):
            yield f"matchLabels: Invalid value: {json.dumps(spelled(key))}: {why}"
        for why in qualified.value_errors(value):
            yield f"matchLabels: Invalid value: {json.dumps(value)}: {why}"
    for index, each in enumerate(written.get("matchExpressions") or ()):
        at, operator_, values = f"matchExpressions[{index}]", each.get("operator", ""), each.get("values") or ()
        if operator_ in ("In", "NotIn") and not values:
            yield f"{at}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
        elif operator_ in ("Exists", "DoesNotExist") and values:
            yield f"{at}.values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        elif operator_ not in ("In", "NotIn", "Exists", "DoesNotExist"):
            yield f"{at}.operator: Invalid value: {json.dumps(operator_)}: not a valid selector operator"
        for why in qualified.key_errors(spelled(each.get("key", ""))):
            yield f"{at}.key: Invalid value: {json.dumps(spelled(each.get('key', '')))}: {why}"
        for place, value in enumerate(values):
            for why in qualified.value_errors(value):
                yield f"{at}.values[{place}]: Invalid value: {json.dumps(value)}: {why}"
