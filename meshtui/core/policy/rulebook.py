"""Every cluster's policies compiled once, and those that select an endpoint."""

from __future__ import annotations

from meshtui.core import resources as r
from meshtui.core.annotations import is_true
from meshtui.core.policy.k8srules import compile_network_policy
from meshtui.core.policy.model import Party, Rule, Way
from meshtui.core.policy.rules import compile_policy
from meshtui.core.state import Cluster, Mesh


class Rulebook:
    """Compiled policies of a mesh as it stands; build a new one when policies or configuration change."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._compiled: dict[tuple[str, str], tuple[Rule, ...]] = {}

    def rules(self, context: str, enforced_in: str = "") -> tuple[Rule, ...]:
        """The rules of the policies in `context`, read as the cluster `enforced_in` would (by default itself)."""
        where = (context, enforced_in or context)
        if where not in self._compiled:
            reader = self.mesh.clusters[where[1]]
            self._compiled[where] = tuple(compile_cluster(self.mesh.clusters[context], reader))
        return self._compiled[where]

    def selecting(self, subject: Party, way: Way) -> list[Rule]:
        """Rules of the subject's own cluster that select it and say something about a direction."""
        if not subject.enforced or subject.context not in self.mesh.clusters:
            return []
        rules = self.rules(subject.context)
        return [rule for rule in rules if way in rule.entries and rule.subject.matches(subject.labels)]

    def mode(self, context: str) -> str:
        """`enable-policy` of a cluster: default, always or never."""
        cluster = self.mesh.clusters.get(context)
        config = cluster.config if cluster else None
        return (config.data.get("enable-policy") or "default").lower() if config else "default"


def assumed_cluster(cluster: Cluster) -> str:
    """The cluster a selector without cluster label means: the local one, or "" for any.

    Option policy-default-local-cluster; absent up to 1.17, off by default in 1.18, on since 1.19
    (pkg/clustermesh/types/option.go).
    """
    config = cluster.config
    return "" if config is not None and not config.policy_default_local_cluster else cluster.name


def compile_cluster(cluster: Cluster, reader: Cluster) -> list[Rule]:
    """All rules of `cluster`'s policies, in a stable order, as `reader`'s configuration understands them."""
    local = assumed_cluster(reader)
    data = reader.config.data if reader.config else {}
    always_deny = "enable-non-default-deny-policies" in data and not is_true(data["enable-non-default-deny-policies"])
    rules: list[Rule] = []
    for resource in (r.CNPS, r.CCNPS):
        for _, policy in sorted(cluster.of(resource).items()):
            rules += compile_policy(policy, local, always_deny=always_deny)
    for _, policy in sorted(cluster.of(r.NETWORKPOLICIES).items()):
        rules += compile_network_policy(policy, local)
    return rules
