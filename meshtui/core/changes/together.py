"""Several plans of policies as one: foreseen, shown, agreed to, carried out and undone together."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.changes.foresight import foresee
from meshtui.core.changes.guards import stricter
from meshtui.core.changes.plan import Consent, Plan
from meshtui.core.changes.policies import on_flows
from meshtui.core.flows.flow import FlowRow
from meshtui.core.model.state import Mesh


def together(
    mesh: Mesh, title: str, plans: Sequence[Plan], effects: Sequence[str] = (), rows: Sequence[FlowRow] = ()
) -> Plan:
    """One plan with all steps in order, the strictest consent, and the first refusal; `effects` are told first.

    What each plan would do alone is not told: together they do something else. `rows`: flows seen of late.
    """
    consent = Consent.NONE
    for plan in plans:
        consent = stricter(consent, plan.consent)
    steps = tuple(step for plan in plans for step in plan.steps)
    foreseen = foresee(mesh, steps)
    return Plan(
        title,
        steps,
        (*effects, *foreseen, *(on_flows(mesh, steps, rows, foreseen) if steps else ())),
        tuple(dict.fromkeys(text for plan in plans for text in plan.warnings)),
        tuple(command for plan in plans for command in plan.commands),
        consent,
        next((plan.refusal for plan in plans if plan.refusal is not None), None),
    )
