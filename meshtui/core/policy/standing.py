"""Whether a policy counts in a cluster: imported by its agents, or refused, by whom and in which words.

The condition `Valid`, which the operator writes, is wrong both ways: see `standing`.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

import msgspec
from msgspec import Struct

from meshtui.core.model import objects as o
from meshtui.core.policy import agentcheck, apicheck
from meshtui.core.policy.reading import Reading
from meshtui.core.policy.rules import Raw, kind_of, specs_of

AUTHENTICATION_OFF = "mutual auth feature is disabled but an {} auth rule is defined in policy"
"""What the operator says of `authentication` where it is switched off; agents enforce the policy all the same."""
REMEMBERED = 16384
"""Policies whose standing is remembered; a policy that is listed anew is another one."""


class Refuser(Enum):
    """Who refuses a policy."""

    API_SERVER = "the API server"
    """It is never stored: `kubectl apply` fails."""
    AGENT = "the agents"
    """It is stored and has no effect; the operator marks it in most cases."""
    OPERATOR = "the operator"
    """It marked the policy invalid, for a reason that is not found here."""
    DERIVED = "the agents, which wait for the policy derived from it"
    """It names cloud groups: the operator makes a policy of its own of it, and that one counts."""


class Refusal(Struct, frozen=True):
    """Why a policy has no effect. The words are the cluster's: clean them before they reach a screen."""

    by: Refuser
    words: str


class Standing(Struct, frozen=True):
    """How a listed policy stands in its cluster."""

    refusal: Refusal | None = None
    """None: the agents import it."""
    marked: str | None = None
    """What the operator says against it (`Valid=False`), None where it says nothing."""

    @property
    def imported(self) -> bool:
        """Whether it has effect."""
        return self.refusal is None

    @property
    def marked_wrongly(self) -> bool:
        """Whether the operator calls it invalid and the agents enforce it all the same."""
        return self.imported and self.marked is not None

    @property
    def unmarked(self) -> bool:
        """Whether the agents refuse it and the operator does not say so."""
        return self.refusal is not None and self.refusal.by is Refuser.AGENT and self.marked is None


class _Same:
    """A policy by its identity, so that its standing is worked out once."""

    __slots__ = ("policy",)

    def __init__(self, policy: o.Policy) -> None:
        self.policy = policy

    def __hash__(self) -> int:
        return id(self.policy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.policy is self.policy


def standing(policy: o.Policy, reading: Reading) -> Standing:
    """How a policy that a cluster lists stands there.

    `Valid=False` is not believed where it is about authentication, which agents enforce; `Valid=True` is not where the
    agents refuse what the operator does not look at (a nodeSelector in a namespaced policy), or import what is derived
    from the policy in its place. Where no reason is found here for `Valid=False`, it is believed: the operator asks the
    same code as the agents.
    """
    return _standing(_Same(policy), reading)


def refusal(document: Raw, reading: Reading) -> Refusal | None:
    """Who would refuse a manifest that is not applied yet, and in which words; None: it would be imported.

    Of Kubernetes NetworkPolicies only what Cilium makes of them is known here: none is refused.
    """
    policy: o.Policy = msgspec.convert(document, o.Policy, strict=False)
    if kind_of(policy) != "NetworkPolicy":
        why = apicheck.complaint(document, reading)
        if why:
            return Refusal(Refuser.API_SERVER, why)
    return agents_say(policy, reading)


def agents_say(policy: o.Policy, reading: Reading) -> Refusal | None:
    """What agents of a cluster that reads like this make of a policy that its API server took; None: imported."""
    kind = kind_of(policy)
    if kind == "NetworkPolicy":
        return None
    specs = specs_of(policy)
    if not specs:
        return Refusal(Refuser.AGENT, f"Invalid {kind} spec(s): empty policy")
    if not reading.does.cloud_groups_are_groups and any(_names_cloud_groups(spec) for spec in specs):
        return Refusal(
            Refuser.DERIVED, "it names cloud groups, and counts by the policy that the operator derives from it"
        )
    for number, spec in enumerate(specs):
        place = "spec" if number == 0 and policy.spec is not None else "specs"
        why = agentcheck.complaint(spec, reading)
        if why:
            return Refusal(Refuser.AGENT, f"Invalid {kind} {place}: {why}")
        if policy.namespace and reading.does.node_rule_refuses_policy and spec.get("nodeSelector") is not None:
            return Refusal(Refuser.AGENT, f"Invalid {kind} spec: rule cannot have NodeSelector")
    return None


def operator_says(policy: o.Policy, reading: Reading) -> str:
    """The message with which the operator will mark a policy invalid; empty: it will call it valid."""
    specs = specs_of(policy)
    for spec in specs:
        why = agentcheck.complaint(spec, reading)
        if why:
            return why
    if reading.does.authentication_checked and not reading.mutual_authentication:
        for direction in ("ingress", "egress"):
            if any(raw.get("authentication") for spec in specs for raw in spec.get(direction) or ()):
                return AUTHENTICATION_OFF.format("ingress" if direction == "ingress" else "egress")
    return ""


@lru_cache(maxsize=REMEMBERED)
def _standing(same: _Same, reading: Reading) -> Standing:
    policy = same.policy
    refusal, marked = agents_say(policy, reading), _marked(policy)
    if refusal is not None or marked is None:
        return Standing(refusal, marked)
    if kind_of(policy) == "NetworkPolicy" or _is_about_authentication(marked):
        return Standing(marked=marked)
    return Standing(Refusal(Refuser.OPERATOR, marked), marked)


def _marked(policy: o.Policy) -> str | None:
    """The message of `Valid=False`, None without it."""
    conditions = (policy.status.conditions if policy.status else None) or ()
    return next((c.message for c in conditions if c.type == "Valid" and c.status == "False"), None)


def _is_about_authentication(message: str) -> bool:
    return "auth" in message.lower() and "disabled" in message.lower() and "rule" in message.lower()


def _names_cloud_groups(spec: Raw) -> bool:
    return any(
        raw.get(member)
        for section in agentcheck.SECTIONS
        for raw in spec.get(section) or ()
        for member in ("fromGroups", "toGroups")
    )
