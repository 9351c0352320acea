"""What the API server refuses with a 422: names, labels, and each kind's own rules."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from meshtui.sim import qualified
from meshtui.sim.api import validate_network, validate_workloads
from meshtui.sim.api.errors import Cause, invalid, required, unsupported, wrong
from meshtui.sim.api.registry import ApiResource
from meshtui.sim.store import Object

_DNS_LABEL = re.compile(rf"^{qualified.LABEL_RE}$")
_DNS1035 = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_DNS1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation "
    "is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")


def check(resource: ApiResource, obj: Object, old: Object | None, found: Sequence[Cause] = ()) -> None:
    """Raise ApiError 422 naming everything wrong with the object; `found` is what its schema says already."""
    causes = _metadata(resource, obj) if old is None else []
    causes += [*_labels(obj), *found]
    match resource.gvr:
        case ("", "services"):
            causes += _service(obj, old)
        case ("networking.k8s.io", "networkpolicies"):
            causes += validate_network.network_policy(obj)
        case ("", "pods"):
            causes += validate_workloads.pod(obj, old)
        case ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets"):
            causes += validate_workloads.workload(obj, old)
        case _:
            pass
    if causes:
        raise invalid(resource.kind, resource.group, str(obj["metadata"].get("name", "")), causes)


def _metadata(resource: ApiResource, obj: Object) -> list[Cause]:
    name = str(obj["metadata"].get("name", ""))
    if resource.group.startswith("rbac"):
        return []
    if resource.gvr == ("", "services"):
        good, text = _DNS1035.match(name) and len(name) < 64, _DNS1035_TEXT
    elif resource.gvr == ("", "namespaces"):
        good, text = _DNS_LABEL.match(name) and len(name) < 64, _LABEL_TEXT
    else:
        good, text = qualified.SUBDOMAIN.match(name) and len(name) < 254, qualified.SUBDOMAIN_TEXT
    return [] if good else [wrong("metadata.name", json.dumps(name), text)]


def _labels(obj: Object) -> list[Cause]:
    causes = []
    meta = obj["metadata"]
    for field in ("labels", "annotations"):
        for key, value in (meta.get(field) or {}).items():
            prefix, _, name = key.rpartition("/")
            if not qualified.QUALIFIED.match(name) or len(name) > 63:
                causes.append(wrong(f"metadata.{field}", json.dumps(key), qualified.NAME_PART_TEXT))
            elif prefix and not qualified.SUBDOMAIN.match(prefix.lower() if field == "annotations" else prefix):
                text = f"prefix part {qualified.SUBDOMAIN_TEXT}"
                causes.append(wrong(f"metadata.{field}", json.dumps(key), text))
            elif field == "labels" and (not qualified.VALUE.match(str(value)) or len(str(value)) > 63):
                causes.append(wrong("metadata.labels", json.dumps(value), qualified.VALUE_TEXT))
    return causes


def _service(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj["spec"]
    kind = spec.get("type", "ClusterIP")
    if kind not in _TYPES:
        return [unsupported("spec.type", json.dumps(kind), _TYPES)]
    causes: list[Cause] = []
    ports = spec.get("ports") or []
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    for index, port in enumerate(ports):
        causes += _port(f"spec.ports[{index}]", port, many=len(ports) > 1)
    names = [p.get("name", "") for p in ports]
    for index, name in enumerate(names):
        if name and name in names[:index]:
            told = ("FieldValueDuplicate", f"Duplicate value: {json.dumps(name)}", f"spec.ports[{index}].name")
            causes.append(told)
    before = ((old or {}).get("spec") or {}).get("clusterIP")
    if before and before != "None" and spec.get("clusterIP") not in (before, None) and kind != "ExternalName":
        causes.append(wrong("spec.clusterIPs[0]", json.dumps([spec["clusterIP"]]), "may not change once set"))
    return causes


def _port(path: str, port: Object, *, many: bool) -> list[Cause]:
    causes: list[Cause] = []
    if many and not port.get("name"):
        causes.append(required(f"{path}.name"))
    number = port.get("port", 0)
    if not 0 < number < 65536:
        causes.append(wrong(f"{path}.port", str(number), "must be between 1 and 65535, inclusive"))
    if port.get("protocol") not in _PROTOCOLS:
        causes.append(unsupported(f"{path}.protocol", json.dumps(port.get("protocol")), _PROTOCOLS))
    target = port.get("targetPort")
    if isinstance(target, int) and not 0 < target < 65536:
        causes.append(wrong(f"{path}.targetPort", str(target), "must be between 1 and 65535, inclusive"))
    node = port.get("nodePort")
    if node and not 30000 <= node <= 32767:
        text = "provided port is not in the valid range. The range of valid ports is 30000-32767"
        causes.append(wrong(f"{path}.nodePort", str(node), text))
    return causes
