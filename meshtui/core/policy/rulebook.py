"""Every cluster's policies as they stood at one moment, compiled once, and those that select an endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.policy.k8srules import compile_network_policy
from meshtui.core.policy.labels import NAMESPACE
from meshtui.core.policy.lookups import Lookups
from meshtui.core.policy.model import Party, Rule, TrafficDirection
from meshtui.core.policy.reading import Reading, reading_of
from meshtui.core.policy.rules import compile_policy
from meshtui.core.policy.standing import Standing, standing

_Unit = tuple[str, str, str, Reading]
"""Context, key and kind of a policy, and how it is read."""
_Selected = tuple[tuple[str, str], TrafficDirection, frozenset[tuple[str, str]]]
"""Whose policies are read by whom, the direction and the labels of an endpoint."""


class Rulebook:
    """The policies and the configuration of a mesh as they stood when the book was made; later changes leave it alone.

    Everything else that decides (endpoints, namespaces) is looked up in the mesh when it is asked for. `before`: an
    older book, whose compiled rules serve for policies that are the same.
    """

    def __init__(self, mesh: Mesh, before: Rulebook | None = None) -> None:
        self.mesh = mesh
        self.lookups = Lookups(mesh)
        self._then = {context: _still(cluster) for context, cluster in mesh.clusters.items()}
        self._readings: dict[str, Reading] = {}
        self._compiled: dict[tuple[str, str], tuple[Rule, ...]] = {}
        self._units: dict[_Unit, tuple[o.Policy, list[Rule]]] = before.kept_for(self) if before else {}
        self._named: dict[str, frozenset[tuple[str, str, str]]] = {}
        self._by_namespace: dict[tuple[str, str], dict[str, list[tuple[int, Rule]]]] = {}
        self._selecting: dict[_Selected, list[Rule]] = {}

    def rules(self, context: str, enforced_in: str = "") -> tuple[Rule, ...]:
        """The rules of the policies in `context`, read as the cluster `enforced_in` would (by default itself)."""
        where = (context, enforced_in or context)
        if where not in self._compiled:
            self._compiled[where] = tuple(self._compile(self._then[context], self.reading(where[1])))
        return self._compiled[where]

    def selecting(self, subject: Party, direction: TrafficDirection) -> list[Rule]:
        """Rules of the subject's own cluster that select it and say something about a direction."""
        if not subject.enforced or subject.context not in self._then:
            return []
        return self.selecting_in(subject.context, subject, direction)

    def selecting_in(self, context: str, subject: Party, direction: TrafficDirection) -> list[Rule]:
        """Rules that would select the subject had it the policies of `context`, as its own cluster reads them."""
        key = (context, subject.context), direction, frozenset(subject.labels.exact.items())
        found = self._selecting.get(key)
        if found is None:
            candidates = self._candidates((context, subject.context), subject)
            found = [rule for rule in candidates if direction in rule.entries and rule.subject.matches(subject.labels)]
            self._selecting[key] = found
        return found

    def named(self, context: str) -> frozenset[tuple[str, str, str]]:
        """(kind, namespace, name) of the policies of a cluster that have rules."""
        found = self._named.get(context)
        if found is None:
            refs = (rule.policy for rule in self.rules(context))
            found = self._named[context] = frozenset((ref.kind, ref.namespace, ref.name) for ref in refs)
        return found

    def reading(self, context: str) -> Reading:
        """How a cluster reads policies; of one that is not in the book, as the newest version with no option set."""
        found = self._readings.get(context)
        if found is None:
            cluster = self._then.get(context)
            found = self._readings[context] = reading_of(cluster) if cluster else Reading()
        return found

    def standing(self, context: str, policy: o.Policy) -> Standing:
        """Whether a policy counts in a cluster, and why not."""
        return standing(policy, self.reading(context))

    def knows(self, context: str) -> bool:
        """Whether any policies of a cluster were listed, be it none."""
        return context in self._then and bool(self._then[context].objects)

    def holds(self, mesh: Mesh) -> bool:
        """Whether the mesh still stands as it is written here. Cheap, and wrong in one way alone: it may say no."""
        return self._then.keys() == mesh.clusters.keys() and all(
            then.name == now.name
            and then.config == now.config
            and all(
                (resource in then.objects) == (resource in now.objects) and then.of(resource) == now.of(resource)
                for resource in r.POLICIES
            )
            for then, now in ((self._then[context], cluster) for context, cluster in mesh.clusters.items())
        )

    # Beside other books

    def learnt(self, before: Rulebook) -> frozenset[str]:
        """Contexts of which something is known here that was not known then: a first list, or the configuration."""
        return frozenset(
            context
            for context, cluster in self._then.items()
            if (old := before._then.get(context)) is None
            or cluster.objects.keys() - old.objects.keys()
            or (cluster.config is not None and old.config is None)
        )

    def learn(self, later: Rulebook, contexts: Iterable[str]) -> None:
        """Take over what a later book knows and this one does not: the first that is known is the best there is."""
        for context in contexts:
            new = later._then[context]
            old = self._then.get(context, new)
            self._then[context] = replace(old, objects={**new.objects, **old.objects}, config=old.config or new.config)
        for kept in (self._compiled, self._readings, self._named, self._by_namespace, self._selecting):
            kept.clear()

    def differing(self, before: Rulebook) -> frozenset[str]:
        """Contexts whose policies, or whose reading of them, are not those of another book."""
        return frozenset(
            context
            for context, cluster in self._then.items()
            if (old := before._then.get(context)) is None or not _alike(cluster, old)
        )

    def kept_for(self, later: Rulebook) -> dict[_Unit, tuple[o.Policy, list[Rule]]]:
        """What was compiled of policies that the later book still has."""
        there = {id(policy) for cluster in later._then.values() for policy in _policies(cluster)}
        return {unit: made for unit, made in self._units.items() if id(made[0]) in there}

    # Compiling

    def _candidates(self, where: tuple[str, str], subject: Party) -> list[Rule]:
        """Rules that may select an endpoint: those of its namespace and those of none, in the book's order."""
        spaces = self._by_namespace.get(where)
        if spaces is None:
            spaces = self._by_namespace[where] = {}
            for number, rule in enumerate(self.rules(*where)):
                own = rule.subject.implied_namespace
                spaces.setdefault(own.values[0] if own else "", []).append((number, rule))
        name = subject.labels.get("k8s", NAMESPACE)
        listed = [*spaces.get("", ()), *(spaces.get(name, ()) if name else ())]
        return [rule for _, rule in sorted(listed, key=lambda numbered: numbered[0])]

    def _compile(self, cluster: Cluster, reading: Reading) -> Iterable[Rule]:
        """All rules of a cluster's policies that count where they are read so, in a stable order."""
        for resource in (r.CNPS, r.CCNPS, r.NETWORKPOLICIES):
            for key, policy in sorted(cluster.of(resource).items()):
                unit = (cluster.context, key, resource.plural, reading)
                made = self._units.get(unit)
                if made is None or made[0] is not policy:
                    if resource is r.NETWORKPOLICIES:
                        rules = compile_network_policy(policy, reading)
                    else:
                        rules = compile_policy(policy, reading) if standing(policy, reading).imported else []
                    made = self._units[unit] = policy, rules
                yield from made[1]


def _still(cluster: Cluster) -> Cluster:
    """A cluster with its policies alone, which `reduce` does not change any more."""
    listed = {resource: dict(cluster.of(resource)) for resource in r.POLICIES if resource in cluster.objects}
    return replace(cluster, objects=listed)


def _policies(cluster: Cluster) -> Iterable[o.Policy]:
    for resource in r.POLICIES:
        yield from cluster.of(resource).values()


def _alike(a: Cluster, b: Cluster) -> bool:
    """Whether two states of a cluster judge alike."""
    return reading_of(a) == reading_of(b) and all(_same(a.of(resource), b.of(resource)) for resource in r.POLICIES)


def _same(a: Mapping[str, o.Policy], b: Mapping[str, o.Policy]) -> bool:
    return a.keys() == b.keys() and all(
        policy is b[key]
        or (policy.spec == b[key].spec and policy.specs == b[key].specs and _marks(policy) == _marks(b[key]))
        for key, policy in a.items()
    )


def _marks(policy: o.Policy) -> list[tuple[str, str]]:
    """What is said against a policy in its status."""
    conditions = (policy.status.conditions if policy.status else None) or ()
    return [(c.type, c.message) for c in conditions if c.type == "Valid" and c.status == "False"]
