"""The schema of Cilium's network policies, written by hand from what its definitions say, by version."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from meshtui.sim.rulebook.versions import (
    CIDR_GROUP_SELECTOR,
    CLUSTER_MESH_ENTITY,
    KAFKA,
    POLICY_LOG,
    PORTLESS_PROTOCOLS,
    REQUIRES,
    SCHEMA_WANTS_SECTIONS,
    SERVER_NAMES_CHECKED,
    TUNNEL_PROTOCOLS,
    Version,
)

Schema = dict[str, Any]
SECTIONS = ("ingress", "ingressDeny", "egress", "egressDeny")
ENTITIES = (
    "all", "world", "cluster", "host", "init", "ingress", "unmanaged", "remote-node", "health", "none",
    "kube-apiserver",
)  # fmt: skip
_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_CIDR: Schema = {"type": "string", "format": "cidr"}
_PORT = (
    r"^(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})"
    r"|([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*$"
)
_LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_ICMP = (
    "^([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]|EchoReply|DestinationUnreachable|Redirect|Echo|"
    "RouterAdvertisement|RouterSelection|TimeExceeded|ParameterProblem|Timestamp|TimestampReply|Photuris|"
    "ExtendedEchoRequest|ExtendedEcho Reply|PacketTooBig|ParameterProblem|EchoRequest|MulticastListenerQuery|"
    "MulticastListenerReport|MulticastListenerDone|RouterSolicitation|RouterAdvertisement|NeighborSolicitation|"
    "NeighborAdvertisement|RedirectMessage|RouterRenumbering|ICMPNodeInformationQuery|ICMPNodeInformationResponse|"
    "InverseNeighborDiscoverySolicitation|InverseNeighborDiscoveryAdvertisement|HomeAgentAddressDiscoveryRequest|"
    "HomeAgentAddressDiscoveryReply|MobilePrefixSolicitation|MobilePrefixAdvertisement|"
    "DuplicateAddressRequestCodeSuffix|DuplicateAddressConfirmationCodeSuffix)$"
)


def policy(version: Version) -> Schema:
    """Schema of a whole CiliumNetworkPolicy or clusterwide one; both have the same rules."""
    rule = _rule(version)
    return _object({"spec": rule, "specs": _list(rule)})


@cache
def _rule(version: Version) -> Schema:
    rule = _object(
        {
            "description": _TEXT,
            "enableDefaultDeny": _object({"ingress": _FLAG, "egress": _FLAG}),
            "endpointSelector": _SELECTOR,
            "nodeSelector": _SELECTOR,
            "labels": _list(_object({"cidr": {}, "key": _TEXT, "source": _TEXT, "value": _TEXT}, ["key"])),
            **{section: _list(_element(section, version)) for section in SECTIONS},
            **({"log": _object({"value": _TEXT | {"maxLength": 32}})} if POLICY_LOG.at(version) else {}),
        }
    )
    rule["oneOf"] = _needs("endpointSelector", "nodeSelector")
    if SCHEMA_WANTS_SECTIONS.at(version):
        rule["anyOf"] = _needs(*SECTIONS)
    return rule


def _object(properties: Schema, required: Sequence[str] = ()) -> Schema:
    found: Schema = {"type": "object", "properties": properties}
    return found | {"required": list(required)} if required else found


def _list(items: Schema, **more: int) -> Schema:
    return {"type": "array", "items": items, **more}


def _needs(*names: str) -> list[Schema]:
    """Alternatives: one of these fields."""
    return [{"properties": {name: {}}, "required": [name]} for name in names]


def _one(properties: Schema, *names: str) -> Schema:
    return _object(properties) | {"oneOf": _needs(*names)}


_SELECTOR = _object(
    {
        "matchLabels": {
            "type": "object",
            "additionalProperties": _TEXT | {"maxLength": 63, "pattern": _LABEL_VALUE},
        },
        "matchExpressions": _list(
            _object(
                {
                    "key": _TEXT,
                    "operator": _TEXT | {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                    "values": _list(_TEXT),
                },
                ["key", "operator"],
            )
        ),
    }
)
_NAME = _one(
    {
        "matchName": _TEXT | {"maxLength": 255, "pattern": "^([-a-zA-Z0-9_]+[.]?)+$"},
        "matchPattern": _TEXT | {"maxLength": 255, "pattern": "^([-a-zA-Z0-9_*]+[.]?)+$"},
    },
    "matchName",
    "matchPattern",
)
_SECRET = _object({"name": _TEXT, "namespace": _TEXT}, ["name"])
_TLS = _object({"certificate": _TEXT, "privateKey": _TEXT, "secret": _SECRET, "trustedCA": _TEXT}, ["secret"])
_HTTP = _object(
    {
        **dict.fromkeys(("host", "method", "path"), _TEXT),
        "headers": _list(_TEXT),
        "headerMatches": _list(
            _object(
                {
                    "mismatch": _TEXT | {"enum": ["LOG", "ADD", "DELETE", "REPLACE"]},
                    "name": _TEXT | {"minLength": 1},
                    "secret": _SECRET,
                    "value": _TEXT,
                },
                ["name"],
            )
        ),
    }
)
_KAFKA = _object(
    {
        "role": _TEXT | {"enum": ["produce", "consume"]},
        "topic": _TEXT | {"maxLength": 255},
        **dict.fromkeys(("apiKey", "apiVersion", "clientID"), _TEXT),
    }
)
_LISTENER = _object(
    {
        "envoyConfig": _object(
            {
                "kind": _TEXT | {"enum": ["CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"]},
                "name": _TEXT | {"minLength": 1},
            },
            ["name"],
        ),
        "name": _TEXT | {"minLength": 1},
        "priority": {"type": "integer", "minimum": 1, "maximum": 100},
    },
    ["envoyConfig", "name"],
)
_ICMPS = _list(
    _object(
        {
            "fields": _list(
                _object(
                    {
                        "family": _TEXT | {"default": "IPv4", "enum": ["IPv4", "IPv6"]},
                        "type": {
                            "anyOf": [{"type": "integer"}, _TEXT],
                            "pattern": _ICMP,
                            "x-kubernetes-int-or-string": True,
                        },
                    },
                    ["type"],
                ),
                maxItems=40,
            )
        }
    )
)
_GROUP = _object(
    {
        "aws": _object(
            {
                "labels": {"type": "object", "additionalProperties": _TEXT},
                "region": _TEXT,
                "securityGroupsIds": _list(_TEXT),
                "securityGroupsNames": _list(_TEXT),
            }
        )
    }
)
_SERVICE = _object(
    {
        "k8sService": _object({"namespace": _TEXT, "serviceName": _TEXT}),
        "k8sServiceSelector": _object({"namespace": _TEXT, "selector": _SELECTOR}, ["selector"]),
    }
)


def _element(section: str, version: Version) -> Schema:
    """One element of a section."""
    ingress, deny = section.startswith("ingress"), section.endswith("Deny")
    side = "from" if ingress else "to"
    entities = [*ENTITIES, *(["cluster-mesh"] if CLUSTER_MESH_ENTITY.at(version) else [])]
    required = _list(_SELECTOR) if REQUIRES.at(version) else _list(_TEXT, maxItems=0)
    found = {
        f"{side}CIDR": _list(_CIDR),
        f"{side}CIDRSet": _list(_cidr_rule(version)),
        f"{side}Endpoints": _list(_SELECTOR),
        f"{side}Entities": _list(_TEXT | {"enum": entities}),
        f"{side}Groups": _list(_GROUP),
        f"{side}Nodes": _list(_SELECTOR),
        f"{side}Requires": required,
        "icmps": _ICMPS,
        "toPorts": _list(_object({"ports": _ports(version)}) if deny else _port_rule(version)),
    }
    if not ingress:
        found["toServices"] = _list(_SERVICE)
    if not deny:
        mode = _TEXT | {"enum": ["disabled", "required", "test-always-fail"]}
        found["authentication"] = _object({"mode": mode}, ["mode"])
    if section == "egress":
        found["toFQDNs"] = _list(_NAME)
    return _object(found)


def _cidr_rule(version: Version) -> Schema:
    found = {
        "cidr": _CIDR,
        "cidrGroupRef": _TEXT | {"maxLength": 253, "pattern": _OBJECT_NAME},
        "cidrGroupSelector": _SELECTOR,
        "except": _list(_CIDR),
    }
    names = ["cidr", "cidrGroupRef", "cidrGroupSelector"]
    if not CIDR_GROUP_SELECTOR.at(version):
        del found[names.pop()]
    return _one(found, *names)


def _ports(version: Version) -> Schema:
    portless = PORTLESS_PROTOCOLS.at(version)
    protocols = ["TCP", "UDP", "SCTP", *(["VRRP", "IGMP"] if portless else [])]
    if TUNNEL_PROTOCOLS.at(version):
        protocols += ["GRE", "IPIP", "IPV6", "ESP", "AH"]
    port = {
        "endPort": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 65535},
        "port": _TEXT | {"pattern": _PORT},
        "protocol": _TEXT | {"enum": [*protocols, "ANY"]},
    }
    return _list(_object(port, () if portless else ["port"]), maxItems=40)


def _port_rule(version: Version) -> Schema:
    l7 = {"http": _list(_HTTP), "dns": _list(_NAME)}
    names = ["http", "dns"]
    if KAFKA.at(version):
        words = {"type": "object", "additionalProperties": _TEXT}
        l7 |= {"kafka": _list(_KAFKA), "l7": _list(words), "l7proto": _TEXT}
        names = ["http", "kafka", "dns", "l7proto"]
    server_names = _list(_TEXT)
    if SERVER_NAMES_CHECKED.at(version):
        server_names = _list(_TEXT | {"minLength": 1}, minItems=1)
    return _object(
        {
            "listener": _LISTENER,
            "originatingTLS": _TLS,
            "ports": _ports(version),
            "rules": _one(l7, *names),
            "serverNames": server_names,
            "terminatingTLS": _TLS,
        }
    )
