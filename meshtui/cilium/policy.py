"""Which policies one agent has: its revision, the policies its rules come from, how far its endpoints are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshtui.cilium.agents import ask, decode
from meshtui.core.model.objects import Pod
from meshtui.core.policy.rollout import AgentPolicy, Named
from meshtui.kube.api import Api

_LABEL = "io.cilium.k8s.policy."
_OUT = frozenset(("disconnecting", "disconnected", "invalid", "waiting-for-identity", "restoring"))
"""States in which an endpoint gets no programs (cilium-dbg/cmd/policy_wait.go leaves the same out)."""


async def read_policy(api: Api, pod: Pod) -> AgentPolicy:
    """`cilium-dbg policy get` and `endpoint list`; raises ExecFailed and what exec raises."""
    found: _Policy = decode(api, pod, await ask(api, pod, ("policy", "get", "-o", "json")), _Policy)
    body = await ask(api, pod, ("endpoint", "list", "-o", "json"))
    endpoints: list[_Endpoint] = decode(api, pod, body, list[_Endpoint] | None) or []
    status = [each.status for each in endpoints if each.status is not None and each.status.state not in _OUT]
    at = [each.policy.realized.policy_revision for each in status if each.policy and each.policy.realized]
    return AgentPolicy(found.revision, _held(found.policy), tuple(at))


def _held(text: str) -> frozenset[Named] | None:
    """The policies that rules are labelled with; None where the text is none that is known."""
    try:
        rules = msgspec.json.decode(text) if text.strip() else []
    except msgspec.DecodeError:
        return None
    if not isinstance(rules, list):
        return None
    found = {named for rule in rules for named in _names(rule)}
    return frozenset(found) if found or not rules else None


def _names(rule: Any) -> Iterator[Named]:
    """(kind, namespace, name) of one rule, however its fields are capitalised."""
    fields = {str(key).lower(): value for key, value in rule.items()} if isinstance(rule, dict) else {}
    marks: dict[str, str] = {}
    labels = fields.get("labels")
    for label in labels if isinstance(labels, list) else ():
        if isinstance(label, dict) and str(label.get("key", "")).startswith(_LABEL):
            marks[str(label["key"]).removeprefix(_LABEL)] = str(label.get("value", ""))
    if marks.get("name"):
        yield marks.get("derived-from", ""), marks.get("namespace", ""), marks["name"]


class _Policy(msgspec.Struct):
    policy: str = ""
    revision: int = 0


class _Revision(msgspec.Struct, rename="kebab"):
    policy_revision: int = 0


class _EndpointPolicy(msgspec.Struct):
    realized: _Revision | None = None


class _EndpointStatus(msgspec.Struct):
    state: str = ""
    policy: _EndpointPolicy | None = None


class _Endpoint(msgspec.Struct):
    status: _EndpointStatus | None = None
