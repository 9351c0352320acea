"""Several plans as one: shown, agreed to, carried out and undone together."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.changes.guards import stricter
from meshtui.core.changes.plan import Consent, Plan


def together(title: str, plans: Sequence[Plan], effects: Sequence[str] = ()) -> Plan:
    """One plan with all steps in order, the strictest consent, and the first refusal; `effects` are told first."""
    consent = Consent.NONE
    for plan in plans:
        consent = stricter(consent, plan.consent)
    return Plan(
        title,
        tuple(step for plan in plans for step in plan.steps),
        (*effects, *(effect for plan in plans for effect in plan.effects)),
        tuple(dict.fromkeys(text for plan in plans for text in plan.warnings)),
        tuple(command for plan in plans for command in plan.commands),
        consent,
        next((plan.refusal for plan in plans if plan.refusal is not None), None),
    )
