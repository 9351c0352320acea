"""What findings of policies have in common: a policy's name, its allowing rules, how one is told."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster
from meshtui.core.policy.model import Entry, Rule, TrafficDirection
from meshtui.core.reach import Reaches


def by_policy(asked: Reaches, context: str) -> dict[PolicyRef, list[Rule]]:
    """The rules of each policy that counts in a cluster."""
    found: dict[PolicyRef, list[Rule]] = {}
    for rule in asked.book.rules(context):
        found.setdefault(rule.policy, []).append(rule)
    return found


def entries(rule: Rule, *, deny: bool) -> Iterator[tuple[TrafficDirection, Entry]]:
    """What a rule allows, or what it denies, by direction."""
    for direction, listed in rule.entries.items():
        yield from ((direction, entry) for entry in listed if entry.deny is deny)


def finding(
    kind: Kind, severity: Severity, cluster: Cluster, ref: PolicyRef, text: str, evidence: str, advice: str
) -> Finding:
    """A finding of one policy in one cluster."""
    return Finding(kind, severity, (cluster.context,), name(ref), text, (evidence,), advice=advice)


def name(ref: PolicyRef) -> str:
    """`namespace/name`, or `name`."""
    return f"{ref.namespace}/{ref.name}".lstrip("/")


def listed(names: list[str], most: int = 3) -> str:
    """`a, b, c and 2 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
