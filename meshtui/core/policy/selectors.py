"""Label selectors as Cilium reads them, with the namespace and the cluster it silently adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshtui.core.policy.labels import CLUSTER, NAMESPACE, NAMESPACE_LABELS, Labels


@dataclass(frozen=True, slots=True)
class Requirement:
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


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold; `implied_*` are those Cilium adds to what is written."""

    written: tuple[Requirement, ...] = ()
    implied_namespace: Requirement | None = None
    implied_cluster: Requirement | None = None

    def matches(self, labels: Labels) -> bool:
        """Whether labels satisfy all that is written and implied."""
        return self.failing(labels) is None

    def failing(self, labels: Labels) -> Requirement | None:
        """The first requirement that does not hold: written ones first, then namespace, then cluster."""
        for requirement in (*self.written, self.implied_namespace, self.implied_cluster):
            if requirement is not None and not requirement.holds(labels):
                return requirement
        return None


def parse_key(key: str) -> tuple[str, str]:
    """`source:key` apart; without a source it is `any` (pkg/labels, GetExtendedKeyFrom)."""
    source, colon, rest = key.partition(":")
    return (source, rest) if colon else ("any", key)


def requirements(raw: Mapping[str, Any] | None, source: str = "", prefix: str = "") -> tuple[Requirement, ...]:
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


def peer_selector(raw: Mapping[str, Any] | None, namespace: str, local_cluster: str) -> Selector:
    """A peer selector of a Cilium policy: reserved unchanged, else namespace and cluster are added.

    `namespace` is empty for clusterwide policies (then any namespace is meant); `local_cluster` is empty where
    `policy-default-local-cluster` is off. Source: pkg/k8s/apis/cilium.io/utils/utils.go, getEndpointSelector.
    """
    written = requirements(raw)
    if any(q.source == "reserved" for q in written):
        return Selector(written)
    implied_namespace = None
    if not any(_names_namespace(q) for q in written):
        values = (namespace,) if namespace else ()
        implied_namespace = Requirement("k8s", NAMESPACE, "In" if namespace else "Exists", values)
    return Selector(written, implied_namespace, _implied_cluster(written, local_cluster))


def subject_selector(raw: Mapping[str, Any] | None, namespace: str) -> Selector:
    """An endpointSelector: in a namespaced policy its own namespace is forced, whatever is written."""
    written = requirements(raw)
    if not namespace:
        return Selector(written)
    kept = tuple(q for q in written if q.key != NAMESPACE or q.source not in ("k8s", "any"))
    return Selector(kept, Requirement("k8s", NAMESPACE, "In", (namespace,)))


def k8s_peer_selector(raw: Mapping[str, Any], namespace: str, local_cluster: str) -> Selector:
    """A peer of a Kubernetes NetworkPolicy: podSelector and namespaceSelector (pkg/k8s/network_policy.go)."""
    written = requirements(raw.get("podSelector"), "k8s")
    spaces = raw.get("namespaceSelector")
    if spaces is None:
        implied = Requirement("k8s", NAMESPACE, "In", (namespace,))
    else:
        written += requirements(spaces, "k8s", NAMESPACE_LABELS)
        implied = Requirement("k8s", NAMESPACE, "Exists")
    return Selector(written, implied, _implied_cluster(written, local_cluster))


def _names_namespace(requirement: Requirement) -> bool:
    if requirement.source not in ("k8s", "any"):
        return False
    return requirement.key == NAMESPACE or requirement.key.startswith(NAMESPACE_LABELS)


def _implied_cluster(written: tuple[Requirement, ...], local_cluster: str) -> Requirement | None:
    if not local_cluster or any(q.key == CLUSTER and q.source in ("k8s", "any") for q in written):
        return None
    return Requirement("k8s", CLUSTER, "In", (local_cluster,))
