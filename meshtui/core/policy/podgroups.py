"""The pods of a mesh by what policies see of them, so that thousands of selectors need not look at each pod."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Delta, Mesh
from meshtui.core.policy.model import Party, Rule
from meshtui.core.policy.parties import party
from meshtui.core.policy.selectors import Selector

_Alike = tuple[str, frozenset[tuple[str, str]], str]
"""Namespace, labels and service account: pods that have these alike are one to every policy."""


class PodGroup(Struct):
    """Pods that no policy can tell apart."""

    party: Party
    """The first of them; its address and its ports are its own."""
    pods: dict[str, None] = field(default_factory=dict)
    """Their keys."""


class PodGroups:
    """Pods of one cluster that policies can select, kept up to date by the keys of those that changed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._read = cluster.name, cluster.config
        self._groups: dict[_Alike, PodGroup] = {}
        self._of: dict[str, _Alike] = {}
        self._by_label: dict[tuple[str, str], dict[_Alike, None]] = {}
        self.note(cluster.pods)

    def stands(self, cluster: Cluster | None) -> bool:
        """Whether the pods' labels are still read as they were: its name and configuration are part of that."""
        return cluster is self.cluster and self._read == (cluster.name, cluster.config)

    def note(self, keys: Iterable[str]) -> set[str]:
        """Look again at some pods; the namespaces in which another pod is now selected than before."""
        moved: set[str] = set()
        for key in keys:
            pod = self.cluster.pods.get(key)
            new = _alike(pod) if pod is not None and _counts(pod) else None
            old = self._of.get(key)
            if old == new:
                continue
            if old is not None:
                self._leave(key, old)
                moved.add(old[0])
            if pod is not None and new is not None:
                self._join(key, new, pod)
                moved.add(new[0])
        return moved

    def _leave(self, key: str, alike: _Alike) -> None:
        group = self._groups[alike]
        del self._of[key], group.pods[key]
        if not group.pods:
            del self._groups[alike]
            for label in group.party.labels.by_key.items():
                del self._by_label[label][alike]

    def _join(self, key: str, alike: _Alike, pod: o.Pod) -> None:
        group = self._groups.get(alike)
        if group is None:
            group = self._groups[alike] = PodGroup(party(self.cluster, pod))
            for label in group.party.labels.by_key.items():
                self._by_label.setdefault(label, {})[alike] = None
        group.pods[key] = None
        self._of[key] = alike

    def groups(self) -> Iterable[PodGroup]:
        """All of them."""
        return self._groups.values()

    def fitting(self, selector: Selector) -> Iterator[PodGroup]:
        """Those that a selector matches."""
        return (group for group in self._candidates(selector) if selector.matches(group.party.labels))

    def selected(self, rules: Iterable[Rule]) -> list[str]:
        """Keys of the pods that any of the rules selects."""
        found: dict[str, None] = {}
        for rule in rules:
            for group in self.fitting(rule.subject):
                found.update(group.pods)
        return sorted(found)

    def _candidates(self, selector: Selector) -> Iterable[PodGroup]:
        """Those that have the label which the fewest have of all that are asked for."""
        narrowest: list[dict[_Alike, None]] | None = None
        fewest = len(self._groups)
        for asked in selector.requirements:
            if asked.operator == "In":
                listed = [held for value in asked.values if (held := self._by_label.get((asked.key, value)))]
                count = sum(map(len, listed))
                if narrowest is None or count < fewest:
                    narrowest, fewest = listed, count
        if narrowest is None:
            return self._groups.values()
        return [self._groups[alike] for listed in narrowest for alike in listed]


class MeshPodGroups:
    """The pods of every cluster, made when it is asked for first."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._made: dict[str, PodGroups] = {}
        self._moves: dict[tuple[str, str], int] = {}
        self._anew: dict[str, int] = {}

    def of(self, context: str) -> PodGroups:
        """The pods of one cluster."""
        found = self._made.get(context)
        if found is None:
            found = self._made[context] = PodGroups(self._mesh.clusters[context])
        return found

    def note(self, delta: Delta) -> bool:
        """Take over a change; whether a selector may match others than before."""
        moved = False
        spaces = {context for context, resource in delta.objects if resource == r.NAMESPACES}
        for context in spaces | delta.status:
            made = self._made.get(context)
            if made is not None and (context in spaces or not made.stands(self._mesh.clusters.get(context))):
                del self._made[context]
                self._anew[context] = self._anew.get(context, 0) + 1
                moved = True
        for (context, resource), keys in delta.objects.items():
            if resource == r.PODS and context in self._made:
                for namespace in self._made[context].note(keys):
                    for where in (namespace, ""):
                        self._moves[context, where] = self._moves.get((context, where), 0) + 1
                    moved = True
        return moved

    def version(self, context: str, namespace: str = "") -> tuple[int, int]:
        """Grows when other pods of a namespace, or of any, are there to be selected."""
        return self._anew.get(context, 0), self._moves.get((context, namespace), 0)


def _alike(pod: o.Pod) -> _Alike:
    return pod.namespace, frozenset(pod.labels.items()), pod.spec.service_account_name


def _counts(pod: o.Pod) -> bool:
    """Whether it has an identity of its own: it is not on its node's network, and has not ended."""
    return not pod.spec.host_network and pod.status.phase not in ("Succeeded", "Failed")
