"""Which policies select a workload's pods in each direction, and whether that direction is enforced."""

from __future__ import annotations

from msgspec import Struct

from meshtui.core.flows.workload import workload_of_pod
from meshtui.core.model.state import Mesh
from meshtui.core.policy.model import TrafficDirection
from meshtui.core.policy.parties import party
from meshtui.core.policy.rulebook import Rulebook


class Selected(Struct, frozen=True):
    """One workload in one cluster and one direction."""

    cluster: str
    workload: str
    pods: int
    direction: TrafficDirection
    policies: tuple[str, ...]
    closing: tuple[str, ...]
    """Those of them that deny by default."""

    @property
    def enforced(self) -> bool:
        """Whether what no rule allows is dropped."""
        return bool(self.closing)


def selected(mesh: Mesh, text: str, book: Rulebook | None = None) -> list[Selected]:
    """For every workload whose `namespace/name` holds the text: both directions, in every cluster that has it."""
    book = book or Rulebook(mesh)
    found: list[Selected] = []
    for cluster in mesh.clusters.values():
        workloads: dict[str, list[str]] = {}
        for key, pod in cluster.pods.items():
            name = f"{pod.namespace}/{workload_of_pod(pod.name)}"
            if text in name and not pod.spec.host_network:
                workloads.setdefault(name, []).append(key)
        for name, keys in sorted(workloads.items()):
            subject = party(cluster, cluster.pods[keys[0]])
            for direction in (TrafficDirection.INGRESS, TrafficDirection.EGRESS):
                rules = book.selecting(subject, direction)
                names = dict.fromkeys(rule.policy.name for rule in rules)
                closing = dict.fromkeys(rule.policy.name for rule in rules if direction in rule.default_deny)
                if book.reading(cluster.context).mode == "always":
                    closing = closing or {"the agents' own mode (always)": None}
                found.append(Selected(cluster.name, name, len(keys), direction, tuple(names), tuple(closing)))
    return found
