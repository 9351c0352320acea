"""Which labels tell a workload: those a person would write into a selector, never what a rollout or a pod makes up."""

from __future__ import annotations

import re

from meshtui.core.policy.labels import CLUSTER, NAMESPACE, NAMESPACE_LABELS, SERVICE_ACCOUNT
from meshtui.core.policy.model import Party

_NAMES = ("app.kubernetes.io/name", "app", "k8s-app", "name")
"""Any of these alone names a workload; the same value twice says nothing more."""
_PARTS = ("app.kubernetes.io/instance", "app.kubernetes.io/component", "component", "class", "org", "tier", "role")
_OF_POLICY = (CLUSTER, NAMESPACE, SERVICE_ACCOUNT)
_PASSING = re.compile(
    r"(^|[/.-])(pod-template-hash|pod-template-generation|controller-revision-hash|controller-uid|pod-name|pod-index"
    r"|job-completion-index|job-name|revision|version|chart|managed-by|heritage|generation|rollouts-pod-template-hash)$"
    r"|hash|uid|^statefulset\.kubernetes\.io/|^batch\.kubernetes\.io/|^apps\.kubernetes\.io/pod"
)


def telling_labels(party: Party) -> dict[str, str]:
    """The labels of a pod that a selector should name; empty where it has none that lasts.

    The well-known names and parts where it has any, else all that last, else a service account of its own.
    """
    own = _own(party)
    chosen: dict[str, str] = {}
    for key in _NAMES:
        if key in own and own[key] not in chosen.values():
            chosen[key] = own[key]
    for key in _PARTS:
        if key in own and (key in ("class", "org", "tier", "role") or own[key] not in chosen.values()):
            chosen[key] = own[key]
    if not chosen:
        chosen = {key: own[key] for key in sorted(own)}
    account = party.labels.exact.get(f"k8s:{SERVICE_ACCOUNT}", "")
    if not chosen and account not in ("", "default"):
        return {SERVICE_ACCOUNT: account}
    return {_written(key): value for key, value in chosen.items()}


def _own(party: Party) -> dict[str, str]:
    """Labels of the pod itself that outlive it."""
    found = {}
    for exact, value in party.labels.exact.items():
        source, _, key = exact.partition(":")
        ours = source == "k8s" and key not in _OF_POLICY and not key.startswith(NAMESPACE_LABELS)
        if ours and _PASSING.search(key) is None:
            found[key] = value
    return found


def _written(key: str) -> str:
    """A key of a pod that Cilium would take for another source needs its own."""
    return f"k8s:{key}" if key.startswith("reserved.") else key


def short_name(party: Party) -> str:
    """What a person calls a workload, fit for a part of a policy's name."""
    labels = telling_labels(party)
    word = next(iter(labels.values()), "") or party.labels.namespace or party.name
    clean = re.sub(r"[^a-z0-9-]+", "-", word.lower()).strip("-")
    return clean[:40].strip("-") or "workload"
