"""Every cluster's policies as they stood at one moment, compiled once, and those that select an endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.policy.k8srules import compile_network_policy
from meshtui.core.policy.model import Party, Rule, Way
from meshtui.core.policy.rules import compile_policy, is_valid
from meshtui.core.routing.annotations import is_true

_Unit = tuple[str, str, str, bool, str]
"""Context, key and kind of a policy, and how it is read: default deny always, the cluster a bare selector means."""


class Rulebook:
    """The policies and the configuration of a mesh as they stood when the book was made; later changes leave it alone.

    Everything else that decides (endpoints, namespaces) is looked up in the mesh when it is asked for. `before`: an
    older book, whose compiled rules serve for policies that are the same.
    """

    def __init__(self, mesh: Mesh, before: Rulebook | None = None) -> None:
        self.mesh = mesh
        self._then = {context: _still(cluster) for context, cluster in mesh.clusters.items()}
        self._compiled: dict[tuple[str, str], tuple[Rule, ...]] = {}
        self._units: dict[_Unit, tuple[o.Policy, list[Rule]]] = before.kept_for(self) if before else {}

    def rules(self, context: str, enforced_in: str = "") -> tuple[Rule, ...]:
        """The rules of the policies in `context`, read as the cluster `enforced_in` would (by default itself)."""
        where = (context, enforced_in or context)
        if where not in self._compiled:
            self._compiled[where] = tuple(self._compile(self._then[context], self._then[where[1]]))
        return self._compiled[where]

    def selecting(self, subject: Party, way: Way) -> list[Rule]:
        """Rules of the subject's own cluster that select it and say something about a direction."""
        if not subject.enforced or subject.context not in self._then:
            return []
        rules = self.rules(subject.context)
        return [rule for rule in rules if way in rule.entries and rule.subject.matches(subject.labels)]

    def mode(self, context: str) -> str:
        """`enable-policy` of a cluster: default, always or never."""
        cluster = self._then.get(context)
        config = cluster.config if cluster else None
        return (config.data.get("enable-policy") or "default").lower() if config else "default"

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
        self._compiled.clear()

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

    def _compile(self, cluster: Cluster, reader: Cluster) -> Iterable[Rule]:
        """All rules of a cluster's policies, in a stable order, as `reader`'s configuration understands them."""
        local, always_deny = assumed_cluster(reader), _always_denies(reader)
        for resource in (r.CNPS, r.CCNPS, r.NETWORKPOLICIES):
            for key, policy in sorted(cluster.of(resource).items()):
                unit = (cluster.context, key, resource.plural, always_deny, local)
                made = self._units.get(unit)
                if made is None or made[0] is not policy:
                    if resource is r.NETWORKPOLICIES:
                        rules = list(compile_network_policy(policy, local))
                    else:
                        rules = compile_policy(policy, local, always_deny=always_deny)
                    made = self._units[unit] = policy, rules
                yield from made[1]


def assumed_cluster(cluster: Cluster) -> str:
    """The cluster a selector without cluster label means: the local one, or "" for any.

    Option policy-default-local-cluster; absent up to 1.17, off by default in 1.18, on since 1.19
    (pkg/clustermesh/types/option.go).
    """
    config = cluster.config
    return "" if config is not None and not config.policy_default_local_cluster else cluster.name


def _always_denies(cluster: Cluster) -> bool:
    data = cluster.config.data if cluster.config else {}
    return "enable-non-default-deny-policies" in data and not is_true(data["enable-non-default-deny-policies"])


def _still(cluster: Cluster) -> Cluster:
    """A cluster with its policies alone, which `reduce` does not change any more."""
    listed = {resource: dict(cluster.of(resource)) for resource in r.POLICIES if resource in cluster.objects}
    return replace(cluster, objects=listed)


def _policies(cluster: Cluster) -> Iterable[o.Policy]:
    for resource in r.POLICIES:
        yield from cluster.of(resource).values()


def _alike(a: Cluster, b: Cluster) -> bool:
    """Whether two states of a cluster judge alike."""
    if a.name != b.name or assumed_cluster(a) != assumed_cluster(b) or _always_denies(a) != _always_denies(b):
        return False
    modes = [c.config.data.get("enable-policy") if c.config else None for c in (a, b)]
    return modes[0] == modes[1] and all(_same(a.of(resource), b.of(resource)) for resource in r.POLICIES)


def _same(a: Mapping[str, o.Policy], b: Mapping[str, o.Policy]) -> bool:
    return a.keys() == b.keys() and all(
        policy is b[key]
        or (policy.spec == b[key].spec and policy.specs == b[key].specs and is_valid(policy) == is_valid(b[key]))
        for key, policy in a.items()
    )
