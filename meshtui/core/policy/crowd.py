"""The pods of one cluster by their labels, so that thousands of selectors need not look at each pod."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.core.model.state import Cluster
from meshtui.core.policy.labels import NAMESPACE, Labels, identity_labels
from meshtui.core.policy.model import Rule

_Group = tuple[Labels, list[str]]


class Crowd:
    """Pods that policies can select, as they were when it was made; those with equal labels are one group."""

    def __init__(self, cluster: Cluster) -> None:
        self._groups: dict[str, dict[tuple[object, ...], _Group]] = {}
        """Namespace → labels as written → what they are as an identity, and the pods' keys."""
        for key, pod in cluster.pods.items():
            if pod.spec.host_network or pod.status.phase in ("Succeeded", "Failed"):
                continue
            alike = (frozenset(pod.labels.items()), pod.spec.service_account_name)
            groups = self._groups.setdefault(pod.namespace, {})
            group = groups.get(alike)
            if group is None:
                group = groups[alike] = identity_labels(cluster, pod), []
            group[1].append(key)

    def selected(self, rules: Iterable[Rule]) -> list[str]:
        """Keys of the pods that any of the rules selects."""
        found: dict[str, None] = {}
        for rule in rules:
            for labels, keys in self._candidates(rule):
                if rule.subject.matches(labels):
                    found.update(dict.fromkeys(keys))
        return sorted(found)

    def _candidates(self, rule: Rule) -> Iterable[_Group]:
        own = rule.subject.implied_namespace
        if own is not None and own.key == NAMESPACE and own.operator == "In":
            return [group for name in own.values for group in self._groups.get(name, {}).values()]
        return [group for groups in self._groups.values() for group in groups.values()]
