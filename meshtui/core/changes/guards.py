"""What stands between a person and a change: read-only, missing rights, and the consent a context asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshtui.core.changes.plan import Consent, Plan, Step, Verb
from meshtui.core.errors import Forbidden, MeshtuiError, NotFound, Protected, ReadOnly, Unconfirmed, Unreachable
from meshtui.core.model.resources import SERVICES
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.core.services.system import is_system

ACTIONS: dict[str, tuple[str, str, str, str]] = {
    "annotate": ("patch", "services", "", "annotate services"),
    "scale": ("patch", "deployments", "scale", "scale deployments"),
    "exec": ("create", "pods", "exec", "run commands in pods"),
    "portforward": ("create", "pods", "portforward", "forward ports to pods"),
    "apply": ("create", "ciliumnetworkpolicies", "", "create policies"),
    "delete": ("delete", "ciliumnetworkpolicies", "", "delete policies"),
}
"""Action id → API verb, resource, subresource, and the words for it."""

_RANK = {Consent.NONE: 0, Consent.CONFIRM: 1, Consent.TYPE_NAME: 2}
_POLICIES = "NetworkPolicy"


def refusal(mesh: Mesh, steps: Sequence[Step]) -> MeshtuiError | None:
    """Why these steps must not be done at all; None when nothing forbids them.

    `Cluster.read_only` holds for --read-only as well as for a context configured so.
    """
    for step in steps:
        cluster = mesh.clusters.get(step.context)
        if cluster is None:
            return NotFound(f"no context {step.context!r} in this session", context=step.context)
        if cluster.read_only:
            return ReadOnly(
                f"{step.context} is read-only here", hint="start without --read-only, or change the config file"
            )
        if unanswered(cluster):
            return Unreachable(
                f"{step.context} has not answered: what is there is not known, and nothing can be changed in it",
                context=step.context,
                cause=str(cluster.api.error or ""),
                hint="wait until it answers, or choose the other clusters alone",
            )
        reason = denied(cluster, step)
        if reason:
            return Forbidden(
                f"you may not {ACTIONS[step.verb.value][3]} in {step.context}",
                context=step.context,
                verb=step.verb.value,
                resource=step.resource.plural,
                status=403,
                cause=reason,
                hint="ask for that right, or use another context",
            )
    return None


def unanswered(cluster: Cluster) -> bool:
    """Whether nothing at all is known of a cluster, because its API server never answered us."""
    return not cluster.objects and cluster.api.phase in (Phase.CONNECTING, Phase.FAILED)


def denied(cluster: Cluster, step: Step) -> str:
    """What the access review said against a step, empty when nothing; it asked about policies and workloads alone."""
    if step.verb in (Verb.APPLY, Verb.DELETE) and not step.resource.kind.endswith(_POLICIES):
        return ""
    return cluster.denied.get(step.verb.value, "")


def consent(mesh: Mesh, steps: Sequence[Step]) -> Consent:
    """The strictest consent any step asks for: its context's, and at least a yes for a service of the system."""
    asked = [_consent_of(mesh.clusters.get(step.context)) for step in steps]
    asked += [Consent.CONFIRM for step in steps if step.resource is SERVICES and is_system(step.key)]
    return max(asked, key=_RANK.__getitem__, default=Consent.NONE)


def stricter(one: Consent, other: Consent) -> Consent:
    """The one that asks for more."""
    return max(one, other, key=_RANK.__getitem__)


def _consent_of(cluster: Cluster | None) -> Consent:
    if cluster is None or not (cluster.protected or cluster.trusted):
        return Consent.CONFIRM
    return Consent.TYPE_NAME if cluster.protected else Consent.NONE


def require(mesh: Mesh, plan: Plan, *, confirmed: bool, typed: str, dry_run: bool) -> None:
    """Raise unless `plan` may be carried out now: its refusal, ReadOnly, Forbidden, Protected or Unconfirmed.

    Judged from the mesh as it is now, whatever the plan says of itself. A dry run changes nothing and needs no consent.
    """
    error = refusal(mesh, plan.steps) or plan.refusal
    if error is not None:
        raise error
    if dry_run:
        return
    names = [step.context for step in plan.steps if mesh.clusters[step.context].protected]
    missing = [name for name in dict.fromkeys(names) if name not in re.split(r"[\s,]+", typed)]
    if missing:
        raise Protected(f"{', '.join(missing)} is protected", hint=f"type {' '.join(missing)} to go ahead")
    if consent(mesh, plan.steps) is Consent.CONFIRM and not confirmed:
        raise Unconfirmed(f"{plan.title}: not confirmed", hint="confirm it in the dialog, or pass --yes")
