"""Every policy of every cluster, one row per name: where it stands how, whom it selects, what it does, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cached_property

from msgspec import Struct, field

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Delta, Mesh
from meshtui.core.policy import words
from meshtui.core.policy.k8srules import compile_network_policy
from meshtui.core.policy.model import Rule, TrafficDirection
from meshtui.core.policy.podgroups import MeshPodGroups
from meshtui.core.policy.reading import Reading, reading_of
from meshtui.core.policy.rules import compile_policy
from meshtui.core.policy.standing import Standing, standing

PolicyKey = tuple[str, str]
"""(plural of its resource, `namespace/name` or `name`)."""


class PolicyState(Enum):
    """How a policy stands in one cluster."""

    PRESENT = "present"
    DIFFERS = "differs"
    """It says something else than in most clusters, or than in the first where none are most."""
    MISSING = "missing"
    REFUSED = "refused"
    UNKNOWN = "not known"
    """The cluster's policies of this kind were not listed."""


class PolicyCell(Struct, frozen=True):
    """A policy in one cluster."""

    context: str
    cluster: str
    stand: PolicyState
    message: str = ""
    """Who refuses it in which words, or what the operator says against it wrongly. The cluster's words: clean them."""
    created: str = ""
    """RFC 3339, as its API server says."""
    selects: tuple[str, ...] = ()
    """Keys of the pods."""
    closes: tuple[TrafficDirection, ...] = ()
    does: tuple[str, ...] = ()
    """Sentences, as this cluster reads the policy."""
    pods_known: bool = True


class PolicyRow(Struct, frozen=True):
    """A policy in all clusters."""

    resource: Resource
    namespace: str
    name: str
    cells: tuple[PolicyCell, ...]
    subject: str
    """Whom it selects, in words."""
    description: str = ""

    @property
    def key(self) -> PolicyKey:
        """As the overview keeps it."""
        return self.resource.plural, f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def text(self) -> str:
        """`namespace/name`, or `name`."""
        return self.key[1]

    @property
    def there(self) -> tuple[PolicyCell, ...]:
        """Cells of the clusters that have it."""
        return tuple(c for c in self.cells if c.stand not in (PolicyState.MISSING, PolicyState.UNKNOWN))

    @property
    def selected(self) -> int:
        """How many pods it selects in all clusters."""
        return sum(len(cell.selects) for cell in self.cells)

    @property
    def closes(self) -> tuple[TrafficDirection, ...]:
        """Directions it closes in any cluster."""
        closed = {direction for cell in self.cells for direction in cell.closes}
        return tuple(
            direction for direction in (TrafficDirection.INGRESS, TrafficDirection.EGRESS) if direction in closed
        )

    @property
    def does(self) -> tuple[str, ...]:
        """What it does, each sentence once; where clusters read it differently, each says whose it is."""
        told = {cell.cluster: cell.does for cell in self.there if cell.does}
        if len(set(told.values())) <= 1:
            return next(iter(told.values()), ())
        return tuple(f"at {name}: {sentence}" for name, does in told.items() for sentence in does)

    @property
    def trouble(self) -> int:
        """0 where it stands alike everywhere, more where it is refused, differs or is missing."""
        rank = {PolicyState.REFUSED: 3, PolicyState.DIFFERS: 2, PolicyState.MISSING: 1}
        return max((rank.get(cell.stand, 0) for cell in self.cells), default=0)


_Whom = tuple[tuple[bool, int, int], ...]


class _Kept(Struct):
    policies: tuple[o.Policy | None, ...]
    row: PolicyRow
    whom: _Whom


class Overview(Struct, dict=True, eq=False):
    """Rows are made when they are asked for, and kept while neither their policies nor the pods change."""

    mesh: Mesh
    _kept: dict[PolicyKey, _Kept] = field(default_factory=dict)
    _readings: tuple[Reading, ...] = ()

    @cached_property
    def pod_groups(self) -> MeshPodGroups:
        """Whom policies select."""
        return MeshPodGroups(self.mesh)

    def note(self, delta: Delta) -> bool:
        """Forget what a change makes wrong; whether anything shown here may be another."""
        moved = self.pod_groups.note(delta)
        readings = tuple(map(reading_of, self.mesh.clusters.values())) if delta.status else self._readings
        read_anew = readings != self._readings
        self._readings = readings
        if read_anew:
            self._kept.clear()
        listed = any(resource in r.POLICIES for _, resource in delta.objects)
        return moved or read_anew or listed

    def keys(self) -> list[PolicyKey]:
        """Every policy of every cluster, by name."""
        found = {
            (resource.plural, key): None
            for cluster in self.mesh.clusters.values()
            for resource in r.POLICIES
            for key in cluster.of(resource)
        }
        for gone in self._kept.keys() - found.keys():
            del self._kept[gone]
        return sorted(found, key=lambda key: (key[1], key[0]))

    def rows(self) -> list[PolicyRow]:
        """All rows, by name."""
        return [self.row(key) for key in self.keys()]

    def row(self, key: PolicyKey) -> PolicyRow:
        """One row."""
        resource = r.BY_PLURAL[key[0]]
        policies: tuple[o.Policy | None, ...] = tuple(c.of(resource).get(key[1]) for c in self.mesh.clusters.values())
        kept = self._kept.get(key)
        whom = self._whom(key[1].rpartition("/")[0])
        if kept is not None and kept.whom == whom and _same(kept.policies, policies):
            return kept.row
        row = self._make(resource, key[1], policies)
        self._kept[key] = _Kept(policies, row, whom)
        return row

    def _whom(self, namespace: str) -> _Whom:
        """What changes whenever a policy of a namespace, or a clusterwide one, may select other pods."""
        clusters = self.mesh.clusters.items()
        return tuple((r.PODS in c.objects, *self.pod_groups.version(context, namespace)) for context, c in clusters)

    def _make(self, resource: Resource, key: str, policies: tuple[o.Policy | None, ...]) -> PolicyRow:
        usual = _usual(policies)
        pairs = list(zip(self.mesh.clusters.values(), policies, strict=True))
        cells = tuple(self._cell(cluster, resource, policy, usual) for cluster, policy in pairs)
        rules = [
            rule for cluster, policy in pairs if policy for rule in rules_of(resource, policy, reading_of(cluster))
        ]
        namespace, _, name = key.rpartition("/")
        subject = "; ".join(dict.fromkeys(words.subject(rule) for rule in rules)) or "no pod"
        told = [text for policy in policies if policy for text in _descriptions(policy)]
        return PolicyRow(resource, namespace, name, cells, subject, "; ".join(dict.fromkeys(told)))

    def _cell(self, cluster: Cluster, resource: Resource, policy: o.Policy | None, usual: str) -> PolicyCell:
        if policy is None:
            stand = PolicyState.MISSING if resource in cluster.objects else PolicyState.UNKNOWN
            return PolicyCell(cluster.context, cluster.name, stand)
        reading = reading_of(cluster)
        # A list's items do not say their kind, and no agent refuses a Kubernetes policy.
        found = standing(policy, reading) if resource is not r.NETWORKPOLICIES else Standing()
        stand = PolicyState.PRESENT if said(policy) == usual else PolicyState.DIFFERS
        message, rules = "", rules_of(resource, policy, reading)
        if found.refusal is not None:
            stand, message, rules = PolicyState.REFUSED, f"{found.refusal.by.value}: {found.refusal.words}", []
        elif found.marked_wrongly:
            message = f"marked invalid, enforced all the same: {found.marked}"
        return PolicyCell(
            cluster.context,
            cluster.name,
            stand,
            message,
            policy.metadata.creation_timestamp,
            tuple(self.pod_groups.of(cluster.context).selected(rules)),
            words.closes(rules),
            words.sentences(rules),
            r.PODS in cluster.objects,
        )


def rules_of(resource: Resource, policy: o.Policy, reading: Reading) -> list[Rule]:
    """A policy's rules as a cluster reads it, whether or not its agents import it."""
    if resource is r.NETWORKPOLICIES:
        return compile_network_policy(policy, reading)
    return compile_policy(policy, reading) if standing(policy, reading).imported else []


def said(policy: o.Policy) -> str:
    """What a policy says, comparable between clusters."""
    import json

    return json.dumps([policy.spec, policy.specs], sort_keys=True)


def _usual(policies: Iterable[o.Policy | None]) -> str:
    counted = Counter(said(policy) for policy in policies if policy is not None)
    return counted.most_common(1)[0][0] if counted else ""


def _same(a: tuple[o.Policy | None, ...], b: tuple[o.Policy | None, ...]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def _descriptions(policy: o.Policy) -> list[str]:
    specs = [*([policy.spec] if policy.spec else []), *(policy.specs or ())]
    return [str(spec["description"]) for spec in specs if spec.get("description")]


def counted(row: PolicyRow) -> str:
    """`koornacht 1, tion 2`: how many pods it selects, where."""
    told = [
        f"{cell.cluster} {len(cell.selects) if cell.pods_known else 'not known'}"
        for cell in row.there
        if cell.stand is not PolicyState.REFUSED
    ]
    return ", ".join(told) or "none"


def json_of(row: PolicyRow) -> dict[str, object]:
    """A row as plain data, as `meshtui policies -o json` prints it."""
    cells: list[Mapping[str, object]] = [
        {
            "context": cell.context,
            "cluster": cell.cluster,
            "state": cell.stand.value,
            "message": cell.message,
            "created": cell.created or None,
            "selects": list(cell.selects) if cell.pods_known else None,
            "closes": [direction.value for direction in cell.closes],
            "does": list(cell.does),
        }
        for cell in row.cells
    ]
    return {
        "policy": row.text,
        "kind": row.resource.kind,
        "namespace": row.namespace,
        "name": row.name,
        "in": [f"{cell.cluster} {cell.stand.value}" for cell in row.cells],
        "subject": row.subject,
        "selects": counted(row),
        "closes": [direction.value for direction in row.closes],
        "does": list(row.does),
        "description": row.description,
        "clusters": cells,
    }
