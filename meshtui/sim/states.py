"""The seventeen recorded steps: on which recorded base each stands and what its actions changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

GLOBAL = {"service.cilium.io/global": "true"}
SHARED_FALSE = {**GLOBAL, "service.cilium.io/shared": "false"}
LOCAL_ONLY_EGRESS: dict[str, Any] = {
    "description": "Allow x-wing in Koornacht to contact rebel-base",
    "egress": [{"toEndpoints": [{"matchLabels": {"name": "rebel-base"}}]}],
}
"""`x-wing-to-rebel-base` before step 14: no cluster label, so the local cluster only."""
Policies = tuple[tuple[str, dict[str, Any] | None], ...]
DENY: Policies = (("default-deny", None),)
EGRESS: Policies = (*DENY, ("x-wing-to-rebel-base", LOCAL_ONLY_EGRESS))
INGRESS = ("rebel-base-from-x-wing", None)
ANY_CLUSTER: Policies = (*DENY, ("x-wing-to-rebel-base", None), INGRESS)


@dataclass(frozen=True)
class Own:
    """What is special in one cluster."""

    annotations: dict[str, str] = field(default_factory=dict)
    """Of the Service rebel-base."""
    policies: Policies = ()
    """Names, each with the part of the spec that differs from the last recorded one."""
    replicas: int | None = None


@dataclass(frozen=True)
class State:
    """One recorded step."""

    base: str
    """The data files it stands on."""
    first: Own = Own()
    """Koornacht."""
    others: Own = Own()
    """Tion, and every further cluster."""
    faults: tuple[str, ...] = ()
    again: bool = False
    """Whether Koornacht's rebel-base was scaled to 0 and back before: its pods are others then."""

    def of(self, cluster: str) -> Own:
        """What is special in that cluster."""
        return self.first if cluster == "koornacht" else self.others


def _deployed(first: Own, others: Own | None = None) -> State:
    return State("3-deployed", first, first if others is None else others)


def _after_failover(first: Own, others: Own, *faults: str) -> State:
    return State("3-deployed", first, others, faults, again=True)


_G = Own(GLOBAL)
_LOCAL = {**GLOBAL, "service.cilium.io/affinity": "local"}
_REMOTE = {**GLOBAL, "service.cilium.io/affinity": "remote"}
_DENIED = Own(GLOBAL, DENY)
_LAST = Own(GLOBAL, ANY_CLUSTER)
_LAST_OTHERS = Own(GLOBAL, (*DENY, INGRESS))

STATES: dict[str, State] = {
    "no-cni": State("0-no-cni"),
    "cilium": State("1-cilium"),
    "mesh-enabled": State("2-mesh-enabled"),
    "deployed": _deployed(Own()),
    "global": _deployed(_G),
    "tion-shared-false": _deployed(_G, Own(SHARED_FALSE)),
    "affinity-local": _deployed(Own(_LOCAL), _G),
    "failover-local-0": _deployed(Own(_LOCAL, replicas=0), _G),
    "affinity-remote": _after_failover(Own(_REMOTE), _G),
    "no-affinity": _after_failover(_G, _G),
    "default-deny": _after_failover(_DENIED, _DENIED),
    "egress-allowed": _after_failover(Own(GLOBAL, EGRESS), _DENIED),
    "ingress-koornacht": _after_failover(Own(GLOBAL, (*EGRESS, INGRESS)), _DENIED),
    "ingress-tion": _after_failover(Own(GLOBAL, (*EGRESS, INGRESS)), _LAST_OTHERS),
    "egress-any-cluster": _after_failover(_LAST, _LAST_OTHERS),
    "link-cut": _after_failover(_LAST, _LAST_OTHERS, "link-cut"),
    "link-restored": _after_failover(_LAST, _LAST_OTHERS),
}
