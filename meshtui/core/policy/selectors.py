"""Label selectors as Cilium reads them, with the namespace and the cluster it silently adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from meshtui.core.policy.labels import CLUSTER, NAMESPACE, NAMESPACE_LABELS, Labels

Raw = Mapping[str, Any]


class Requirement(Struct, frozen=True):
    """One condition: operator In, NotIn, Exists or DoesNotExist."""

    source: str
    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Labels) -> bool:
        """NotIn and DoesNotExist also hold where the key is missing."""
        value = labels.get(self.source, self.key)
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        return False

    def __str__(self) -> str:
        if self.operator == "In" and len(self.values) == 1:
            return f"{self.key}={self.values[0]}"
        return f"{self.key} {self.operator} {list(self.values) if self.values else ''}".rstrip()


class Selector(Struct, frozen=True):
    """Requirements that must all hold; `implied_*` are those Cilium adds to what is written."""

    written: tuple[Requirement, ...] = ()
    implied_namespace: Requirement | None = None
    implied_cluster: Requirement | None = None

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Written ones first, then namespace, then cluster."""
        implied = (self.implied_namespace, self.implied_cluster)
        return (*self.written, *(requirement for requirement in implied if requirement is not None))

    @property
    def is_anybody(self) -> bool:
        """Whether nothing is required: the wildcard identity."""
        return not self.written and self.implied_namespace is None and self.implied_cluster is None

    def matches(self, labels: Labels) -> bool:
        """Whether labels satisfy all that is written and implied."""
        return self.failing(labels) is None

    def failing(self, labels: Labels) -> Requirement | None:
        """The first requirement that does not hold."""
        for requirement in self.written:
            if not requirement.holds(labels):
                return requirement
        for implied in (self.implied_namespace, self.implied_cluster):
            if implied is not None and not implied.holds(labels):
                return implied
        return None


def parse_key(key: str) -> tuple[str, str]:
    """`source:key` apart; without a source it is `any` (pkg/labels, GetExtendedKeyFrom).

    `$host` and `reserved.host` are `reserved:host`.
    """
    if key.startswith("$"):
        return "reserved", key[1:]
    source, colon, rest = key.partition(":")
    if colon:
        return source or "any", rest
    return ("reserved", key.removeprefix("reserved.")) if key.startswith("reserved.") else ("any", key)


def requirements(raw: Raw | None, source: str = "", prefix: str = "") -> tuple[Requirement, ...]:
    """The matchLabels and matchExpressions of a raw selector; `source` and `prefix` are put before every key."""
    result = []
    for key, value in ((raw or {}).get("matchLabels") or {}).items():
        result.append(_requirement(key, "In", (str(value),), source, prefix))
    for item in (raw or {}).get("matchExpressions") or ():
        values = tuple(str(v) for v in item.get("values") or ())
        result.append(_requirement(str(item.get("key", "")), str(item.get("operator", "")), values, source, prefix))
    return tuple(result)


def _requirement(key: str, operator: str, values: tuple[str, ...], source: str, prefix: str) -> Requirement:
    where, name = (source, key) if source else parse_key(key)
    return Requirement(where, prefix + name, operator, values)


def peer_selector(raw: Raw | None, namespace: str, local_cluster: str, *, init: bool = False) -> Selector:
    """A peer selector of a Cilium policy: reserved unchanged, else namespace and cluster are added.

    `namespace` is empty for clusterwide policies: then any namespace is meant, and that there is one is required
    also beside labels of namespaces, unless the subject is `init`. `local_cluster` is empty where a selector means any
    cluster. Source: pkg/k8s/apis/cilium.io/utils/utils.go, getEndpointSelector.
    """
    written = requirements(raw)
    if any(q.source == "reserved" for q in written):
        return Selector(written)
    implied = None
    if not _names(written, NAMESPACE):
        if not namespace:
            implied = None if init else Requirement("k8s", NAMESPACE, "Exists")
        elif not any(q.source in ("k8s", "any") and q.key.startswith(NAMESPACE_LABELS) for q in written):
            implied = Requirement("k8s", NAMESPACE, "In", (namespace,))
    return Selector(written, implied, _implied_cluster(written, local_cluster))


def node_selector(raw: Raw | None, local_cluster: str, *, nodes_alone: bool) -> Selector:
    """A selector of fromNodes or toNodes: other nodes, of the local cluster where no other is named."""
    written = requirements(raw)
    nodes = (Requirement("reserved", "remote-node", "Exists"),) if nodes_alone else ()
    return Selector((*written, *nodes), None, _implied_cluster(written, local_cluster))


def subject_selector(raw: Raw | None, namespace: str) -> Selector:
    """An endpointSelector: in a namespaced policy its own namespace is added.

    Only the label `k8s:io.kubernetes.pod.namespace` of matchLabels is overwritten; the same key in another form, or in
    an expression, is required beside it. Source: pkg/k8s/apis/cilium.io/utils/utils.go, ParseToCiliumRule.
    """
    if not namespace:
        return Selector(requirements(raw))
    found = raw or {}
    labels = {k: v for k, v in (found.get("matchLabels") or {}).items() if k != f"k8s:{NAMESPACE}"}
    written = requirements({**found, "matchLabels": labels})
    return Selector(written, Requirement("k8s", NAMESPACE, "In", (namespace,)))


def k8s_pod_selector(raw: Raw | None, namespace: str) -> Selector:
    """A podSelector that means one namespace: its own label of that name is overwritten (parsePodSelector)."""
    found = raw or {}
    labels = {k: v for k, v in (found.get("matchLabels") or {}).items() if k != NAMESPACE}
    written = requirements({**found, "matchLabels": labels}, "k8s")
    return Selector(written, Requirement("k8s", NAMESPACE, "In", (namespace,)))


def k8s_peer_selector(raw: Raw, namespace: str, local_cluster: str) -> Selector:
    """A peer of a Kubernetes NetworkPolicy: podSelector and namespaceSelector (pkg/k8s/network_policy.go).

    That there is a namespace at all is required by an empty namespaceSelector only: one of mere negations matches
    nodes and the world, too, where no cluster is implied.
    """
    pods, spaces = raw.get("podSelector"), raw.get("namespaceSelector")
    cluster = _implied_cluster(requirements(pods, "k8s"), local_cluster)
    if spaces is None:
        own = k8s_pod_selector(pods, namespace)
        return Selector(own.written, own.implied_namespace, cluster)
    asked = requirements(spaces, "k8s", NAMESPACE_LABELS)
    implied = None if asked else Requirement("k8s", NAMESPACE, "Exists")
    return Selector((*requirements(pods, "k8s"), *asked), implied, cluster)


def service_selector(labels: Mapping[str, str], namespace: str, local_cluster: str, *, dotted: bool) -> Selector:
    """What a Service's own selector means in toServices: pods of its namespace.

    `dotted` False: the part of a key before its first dot is taken for the label's source (cilium #41151).
    """
    written = tuple(_service_requirement(key, value, dotted) for key, value in labels.items())
    own = Requirement("k8s", NAMESPACE, "In", (namespace,))
    return Selector(written, own, _implied_cluster(written, local_cluster))


def _service_requirement(key: str, value: str, dotted: bool) -> Requirement:
    source, dot, rest = key.partition(".")
    if dot and not dotted:
        return Requirement(source, rest, "In", (value,))
    return Requirement("any", key, "In", (value,))


def _names(written: Iterable[Requirement], key: str) -> bool:
    return any(q.key == key and q.source in ("k8s", "any") for q in written)


def _implied_cluster(written: Iterable[Requirement], local_cluster: str) -> Requirement | None:
    if not local_cluster or _names(written, CLUSTER):
        return None
    return Requirement("k8s", CLUSTER, "In", (local_cluster,))
