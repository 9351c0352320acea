"""Cilium's endpoint selectors: label sources, operators, and the namespace and cluster a selector implies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Object = dict[str, Any]
Label = tuple[str, str, str]
"""(source, key, value)."""
CLUSTER = "io.cilium.k8s.policy.cluster"
NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
ANY, K8S, RESERVED = "any", "k8s", "reserved"
_ANY_SOURCE = ("", ANY, "unspec")
_RESERVED_PREFIX = "reserved."


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on labels. `source` is `any` where the key had no prefix."""

    source: str
    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Sequence[Label]) -> bool:
        """Whether labels meet it."""
        found = [v for s, k, v in labels if k == self.key and self.source in (ANY, s)]
        if self.operator == "Exists":
            return bool(found)
        if self.operator == "DoesNotExist":
            return not found
        if self.operator == "In":
            return any(v in self.values for v in found)
        return not any(v in self.values for v in found)


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold; without any it is everybody, and known as that to the policy map."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Sequence[Label]) -> bool:
        """Whether an endpoint with these labels is selected."""
        return all(requirement.holds(labels) for requirement in self.requirements)

    def has(self, key: str) -> bool:
        """Whether the label is written in it, as Kubernetes' or of any source."""
        return any(r.key == key and r.source in (ANY, K8S) for r in self.requirements)

    def also(self, extra: Iterable[Requirement]) -> Selector:
        """The selector with more requirements."""
        return Selector((*self.requirements, *extra))


EVERYBODY = Selector(())


def split(label: str) -> Label:
    """`k8s:name=x-wing` → (k8s, name, x-wing)."""
    key, _, value = label.partition("=")
    return (*split_key(key), value)


@lru_cache(maxsize=4096)
def parsed(labels: tuple[str, ...]) -> tuple[Label, ...]:
    """An identity's labels, taken apart."""
    return tuple(split(label) for label in labels)


def split_key(key: str) -> tuple[str, str]:
    """`k8s:name` → (k8s, name). Whatever stands before a colon is the source (pkg/labels/labels.go)."""
    source, colon, rest = key.partition(":")
    if not colon:
        if key.startswith(_RESERVED_PREFIX):
            return RESERVED, key.removeprefix(_RESERVED_PREFIX)
        return ANY, key
    return (ANY if source in _ANY_SOURCE else source), rest


def parse(selector: Object | None, source: str = "") -> Selector:
    """A label selector as policies write it; with `source`, every key is of that source."""
    selector = selector or {}
    labels, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or ()
    found = [Requirement(*_key(key, source), "In", (value,)) for key, value in labels.items()]
    found += [
        Requirement(*_key(each["key"], source), each["operator"], tuple(each.get("values") or ()))
        for each in expressions
    ]
    return Selector(tuple(found))


def _key(key: str, source: str) -> tuple[str, str]:
    return (source, key) if source else split_key(key)


def in_namespace(namespace: str) -> Requirement:
    """The pod is in that namespace."""
    return Requirement(K8S, NAMESPACE, "In", (namespace,))


def in_cluster(cluster: str) -> Requirement:
    """The pod is of that cluster."""
    return Requirement(K8S, CLUSTER, "In", (cluster,))


ANY_NAMESPACE = Requirement(K8S, NAMESPACE, "Exists")


def about_init(selector: Object | None) -> bool:
    """Whether a subject is meant for endpoints that have no labels yet: nothing is implied then."""
    return any(r.source == RESERVED and r.key == "init" for r in parse(selector).requirements)


def peer(selector: Object | None, namespace: str, default_cluster: str, *, init: bool = False) -> Selector:
    """A peer selector with what it implies (pkg/k8s/apis/cilium.io/utils getEndpointSelector).

    `namespace` is the policy's, empty for a clusterwide one; `default_cluster` is empty where selectors reach all
    clusters; `init` where the policy is for endpoints without labels.
    """
    found = parse(selector)
    if any(r.source == RESERVED for r in found.requirements):
        return found
    return scoped(found, namespace, default_cluster, init=init)


def scoped(found: Selector, namespace: str, default_cluster: str, *, init: bool = False) -> Selector:
    """A selector held to the policy's namespace and cluster where it names none."""
    implied = []
    if not init and not found.has(NAMESPACE):
        if not namespace:
            implied.append(ANY_NAMESPACE)
        elif not any(r.key.startswith(NAMESPACE_LABELS) and r.source in (ANY, K8S) for r in found.requirements):
            implied.append(in_namespace(namespace))
    return with_cluster(found.also(implied), default_cluster)


def with_cluster(found: Selector, default_cluster: str) -> Selector:
    """A selector held to one cluster where it names none."""
    return found.also([in_cluster(default_cluster)]) if default_cluster and not found.has(CLUSTER) else found


def nodes(selector: Object | None, default_cluster: str) -> Selector:
    """A selector of fromNodes or toNodes: nodes other than the own one."""
    return with_cluster(parse(selector).also([Requirement(RESERVED, "remote-node", "Exists")]), default_cluster)


def subject(selector: Object | None, namespace: str) -> Selector:
    """Whom a policy is for. A namespaced one is held to its namespace; only the label `k8s:…namespace` in matchLabels
    is overwritten by that, any other way of naming another namespace selects nobody.
    """
    written = selector or {}
    if not namespace or about_init(selector):
        return parse(written)
    labels = {k: v for k, v in (written.get("matchLabels") or {}).items() if split_key(k) != (K8S, NAMESPACE)}
    return parse({**written, "matchLabels": labels}).also([in_namespace(namespace)])
