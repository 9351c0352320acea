"""Cilium's endpoint selectors: label sources, operators, and the namespace and cluster a selector implies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
CLUSTER = "io.cilium.k8s.policy.cluster"
NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
SOURCES = ("k8s", "any", "reserved", "cidr", "cidrgroup", "node", "fqdn")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on labels. `source` is `any` where the key had no prefix."""

    source: str
    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Sequence[tuple[str, str, str]]) -> bool:
        """Whether labels, as (source, key, value), meet it."""
        found = [v for s, k, v in labels if k == self.key and (self.source in ("any", s))]
        if self.operator == "Exists":
            return bool(found)
        if self.operator == "DoesNotExist":
            return not found
        if self.operator == "In":
            return any(v in self.values for v in found)
        return not any(v in self.values for v in found)


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Sequence[tuple[str, str, str]]) -> bool:
        """Whether an endpoint with these labels is selected."""
        return all(requirement.holds(labels) for requirement in self.requirements)

    def terms(self) -> list[tuple[str, str]]:
        """(source, key) of every requirement."""
        return [(r.source, r.key) for r in self.requirements]


def split(label: str) -> tuple[str, str, str]:
    """`k8s:name=x-wing` → (k8s, name, x-wing)."""
    key, _, value = label.partition("=")
    source, name = split_key(key)
    return source, name, value


def split_key(key: str) -> tuple[str, str]:
    """`k8s:name` → (k8s, name); without a known prefix the source is `any`."""
    source, colon, rest = key.partition(":")
    if colon and source in SOURCES:
        return source, rest
    return "any", key


def parse(selector: Object | None) -> Selector:
    """A label selector as policies write it. Raises ValueError on an unknown operator."""
    selector = selector or {}
    found = [
        Requirement(*split_key(key), "In", (str(value),)) for key, value in (selector.get("matchLabels") or {}).items()
    ]
    for expression in selector.get("matchExpressions") or ():
        operator = expression.get("operator", "")
        if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            raise ValueError(f'"{operator}" is not a valid label selector operator')
        values = tuple(str(v) for v in expression.get("values") or ())
        if operator in ("In", "NotIn") and not values:
            raise ValueError("values must be non-empty for In and NotIn")
        found.append(Requirement(*split_key(expression["key"]), operator, values))
    return Selector(tuple(found))


def peer(selector: Object | None, namespace: str, default_cluster: str) -> Selector:
    """A peer selector with what it implies (pkg/k8s/apis/cilium.io/utils getEndpointSelector).

    `namespace` is the policy's, empty for a clusterwide one. `default_cluster` is empty where selectors
    reach all clusters.
    """
    parsed = parse(selector)
    if any(source == "reserved" for source, _ in parsed.terms()):
        return parsed
    implied = list(parsed.requirements)
    names = [key for source, key in parsed.terms() if source in ("any", "k8s")]
    if NAMESPACE not in names and not any(key.startswith(NAMESPACE_LABELS) for key in names):
        if namespace:
            implied.append(Requirement("k8s", NAMESPACE, "In", (namespace,)))
        else:
            implied.append(Requirement("k8s", NAMESPACE, "Exists"))
    if default_cluster and CLUSTER not in names:
        implied.append(Requirement("k8s", CLUSTER, "In", (default_cluster,)))
    return Selector(tuple(implied))


def subject(selector: Object | None, namespace: str) -> Selector:
    """Whom a policy is for: a namespaced one is held to its own namespace whatever it says."""
    parsed = parse(selector)
    if not namespace:
        return Selector((*parsed.requirements, Requirement("k8s", NAMESPACE, "Exists")))
    kept = tuple(r for r in parsed.requirements if not (r.key == NAMESPACE and r.source in ("any", "k8s")))
    return Selector((*kept, Requirement("k8s", NAMESPACE, "In", (namespace,))))
