"""Table columns of the built-in resources."""

from __future__ import annotations

from typing import Any

from meshtui.sim.api.columns import Column, Kind, age, name_of, since
from meshtui.sim.api.columns_pods import PODS
from meshtui.sim.store import GVR, Object

NAME = Column("Name")
AGE = Column("Age")


def _wide(*names: str) -> tuple[Column, ...]:
    return tuple(Column(n, priority=1) for n in names)


def cols(text: str, numbers: str = "") -> tuple[Column, ...]:
    """Columns named in a string; those also in `numbers` are integers."""
    return tuple(Column(n, "integer" if n in numbers.split() else "string") for n in text.split())


def selector_of(spec: Object) -> str:
    """A label selector as kubectl prints it."""
    selector = spec.get("selector") or {}
    labels = selector.get("matchLabels", selector if "matchExpressions" not in selector else {}) or {}
    parts = [f"{k}={v}" for k, v in sorted(labels.items())]
    for e in selector.get("matchExpressions") or []:
        operator = {"In": "in", "NotIn": "notin"}.get(e["operator"])
        values = f" {operator} ({','.join(e.get('values') or [])})" if operator else ""
        parts.append(("!" if e["operator"] == "DoesNotExist" else "") + e["key"] + values)
    return ",".join(parts) or "<none>"


def _node(obj: Object, now: float) -> list[Any]:
    conditions = {c["type"]: c["status"] for c in (obj.get("status") or {}).get("conditions") or []}
    ready = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "NotReady")
    if obj.get("spec", {}).get("unschedulable"):
        ready += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    roles = ",".join(sorted(k.removeprefix(prefix) for k in labels if k.startswith(prefix)))
    info = obj["status"].get("nodeInfo") or {}
    addresses = {a["type"]: a["address"] for a in obj["status"].get("addresses") or []}
    return [
        name_of(obj),
        ready,
        roles or "<none>",
        age(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def _service(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    kind = spec.get("type", "ClusterIP")
    external = ",".join(spec.get("externalIPs") or []) or "<none>"
    if kind == "LoadBalancer":
        ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
        external = ",".join(i.get("ip") or i.get("hostname", "") for i in ingress) or "<pending>"
    elif kind == "ExternalName":
        external = spec.get("externalName", "")
    ports = ",".join(
        f"{p['port']}:{p['nodePort']}/{p.get('protocol', 'TCP')}"
        if p.get("nodePort")
        else f"{p['port']}/{p.get('protocol', 'TCP')}"
        for p in spec.get("ports") or []
    )
    address = spec.get("clusterIP") or "<none>"
    return [name_of(obj), kind, address, external, ports or "<none>", age(obj, now), selector_of(spec)]


def _slice(obj: Object, now: float) -> list[Any]:
    ports = obj.get("ports") or []
    addresses = [a for e in obj.get("endpoints") or [] for a in e.get("addresses") or []]
    return [
        name_of(obj),
        obj.get("addressType", ""),
        _some([str(p["port"]) if p.get("port") is not None else "*" for p in ports], "<unset>"),
        _some(addresses, "<unset>"),
        age(obj, now),
    ]


def _some(values: list[str], none: str) -> str:
    if not values:
        return none
    return ",".join(values[:3]) + (f" + {len(values) - 3} more..." if len(values) > 3 else "")


def _template(spec: Object) -> tuple[str, str]:
    containers = spec.get("template", {}).get("spec", {}).get("containers") or []
    return ",".join(c["name"] for c in containers), ",".join(c.get("image", "") for c in containers)


def _deployment(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status") or {}
    return [
        name_of(obj),
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(obj, now),
        *_template(spec),
        selector_of(spec),
    ]


def _replica_set(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status") or {}
    counts = [spec.get("replicas", 1), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [name_of(obj), *counts, age(obj, now), *_template(spec), selector_of(spec)]


def _daemon_set(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status") or {}
    fields = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    nodes = spec.get("template", {}).get("spec", {}).get("nodeSelector") or {}
    return [
        name_of(obj),
        *(status.get(f, 0) for f in fields),
        status.get("numberAvailable", 0),
        ",".join(f"{k}={v}" for k, v in sorted(nodes.items())) or "<none>",
        age(obj, now),
        *_template(spec),
        selector_of(spec),
    ]


def _secret(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), obj.get("type", "Opaque"), len(obj.get("data") or {}), age(obj, now)]


def _config_map(obj: Object, now: float) -> list[Any]:
    count = len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
    return [name_of(obj), count, age(obj, now)]


def _event(obj: Object, now: float) -> list[Any]:
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    last = obj.get("lastTimestamp") or obj.get("eventTime") or obj["metadata"].get("creationTimestamp")
    told = f"{about.get('kind', '').lower()}/{about.get('name', '')}"
    seen = since(last, now)
    message = str(obj.get("message") or obj.get("note") or "").strip()
    return [seen, obj.get("type", ""), obj.get("reason", ""), told, message]


def _lease(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), obj.get("spec", {}).get("holderIdentity", ""), age(obj, now)]


def _namespace(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), (obj.get("status") or {}).get("phase", "Active"), age(obj, now)]


def _endpoints(obj: Object, now: float) -> list[Any]:
    pairs = [
        f"{a['ip']}:{p['port']}"
        for s in obj.get("subsets") or []
        for a in s.get("addresses") or []
        for p in s.get("ports") or []
    ]
    return [name_of(obj), _some(pairs, "<none>"), age(obj, now)]


def _policy(obj: Object, now: float) -> list[Any]:
    labels = (obj["spec"].get("podSelector") or {}).get("matchLabels") or {}
    return [name_of(obj), ",".join(f"{k}={v}" for k, v in sorted(labels.items())) or "<none>", age(obj, now)]


def _ingress(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = [r["host"] for r in spec.get("rules") or () if r.get("host")]
    told = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    addresses = ",".join(i.get("ip") or i.get("hostname", "") for i in told)
    ports = "80, 443" if spec.get("tls") else "80"
    named = _some(hosts, "*")
    return [name_of(obj), spec.get("ingressClassName") or "<none>", named, addresses, ports, age(obj, now)]


def _role_binding(obj: Object, now: float) -> list[Any]:
    subjects = obj.get("subjects") or []

    def named(kind: str) -> str:
        wide = kind == "ServiceAccount"
        return ", ".join(
            f"{s.get('namespace', '')}/{s['name']}" if wide else s["name"] for s in subjects if s["kind"] == kind
        )

    role = f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}"
    return [name_of(obj), role, age(obj, now), named("User"), named("Group"), named("ServiceAccount")]


def _created(obj: Object, now: float) -> list[Any]:
    del now
    return [name_of(obj), obj["metadata"].get("creationTimestamp")]


def _aged(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), age(obj, now)]


_APPS = _wide("Containers", "Images", "Selector")
_RBAC = "rbac.authorization.k8s.io"
_BINDING = (NAME, Column("Role"), AGE, *_wide("Users", "Groups", "ServiceAccounts"))
_CREATED = Kind((NAME, Column("Created At", "date")), _created)

CORE: dict[GVR, Kind] = {
    ("", "pods"): PODS,
    ("", "nodes"): Kind(
        (
            *cols("Name Status Roles Age Version"),
            *_wide("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"),
        ),
        _node,
    ),
    ("", "services"): Kind((*cols("Name Type Cluster-IP External-IP Port(s) Age"), *_wide("Selector")), _service),
    ("", "namespaces"): Kind(cols("Name Status Age"), _namespace),
    ("", "configmaps"): Kind(cols("Name Data Age"), _config_map),
    ("", "secrets"): Kind(cols("Name Type Data Age", "Data"), _secret),
    ("", "serviceaccounts"): Kind(cols("Name Age"), _aged),
    ("", "endpoints"): Kind(cols("Name Endpoints Age"), _endpoints),
    ("", "events"): Kind((Column("Last Seen"), *cols("Type Reason Object Message")), _event),
    ("events.k8s.io", "events"): Kind((Column("Last Seen"), *cols("Type Reason Object Message")), _event),
    ("discovery.k8s.io", "endpointslices"): Kind(cols("Name AddressType Ports Endpoints Age"), _slice),
    ("apps", "deployments"): Kind((*cols("Name Ready Up-to-date Available Age"), *_APPS), _deployment),
    ("apps", "replicasets"): Kind(
        (*cols("Name Desired Current Ready Age", "Desired Current Ready"), *_APPS), _replica_set
    ),
    ("apps", "daemonsets"): Kind(
        (
            *cols("Name Desired Current Ready Up-to-date Available"),
            Column("Node Selector"),
            AGE,
            *_APPS,
        ),
        _daemon_set,
    ),
    ("coordination.k8s.io", "leases"): Kind(cols("Name Holder Age"), _lease),
    ("networking.k8s.io", "ingresses"): Kind(cols("Name Class Hosts Address Ports Age"), _ingress),
    ("networking.k8s.io", "networkpolicies"): Kind(cols("Name Pod-Selector Age"), _policy),
    ("apiextensions.k8s.io", "customresourcedefinitions"): _CREATED,
    (_RBAC, "clusterroles"): _CREATED,
    (_RBAC, "roles"): _CREATED,
    (_RBAC, "clusterrolebindings"): Kind(_BINDING, _role_binding),
    (_RBAC, "rolebindings"): Kind(_BINDING, _role_binding),
}
