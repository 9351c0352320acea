"""`meshtui policies check FROM TO`: whether policies let a connection pass, before any packet is sent."""

from __future__ import annotations

from typing import Any

from meshtui.cli import headless, output
from meshtui.core.errors import Exit
from meshtui.core.model.resources import CCNPS, CNPS, ENDPOINTSLICES, NAMESPACES, NETWORKPOLICIES, PODS, SERVICES
from meshtui.core.policy import DirectionVerdict
from meshtui.core.reach.check import Checked
from meshtui.core.reach.check import check as ask
from meshtui.mesh.scope import Scope

COLUMNS = ("verdict", "source", "destination", "port", "why", "fix")
NEEDED = (SERVICES, ENDPOINTSLICES, PODS, CNPS, NETWORKPOLICIES)
BESIDE = (CCNPS, NAMESPACES)
"""Of the whole cluster: who may see one namespace may not see them, and is told so with each verdict."""


async def check(arguments: Any, source: str, target: str) -> int:
    """Print a verdict for each connection; 0 when all are allowed, 1 when one is denied or not known."""
    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope((*NEEDED, *BESIDE), status=False, access=False, flows=False)) as session:
        code = headless.missing_data(session, NEEDED, BESIDE)
        found = ask(session.mesh, source, target, session.home)
        output.show([row(each) for each in found], COLUMNS, arguments.output)
        return max(code, Exit.OK if all(each.word == "allowed" for each in found) else Exit.DEGRADED)


def row(checked: Checked) -> dict[str, Any]:
    """A connection and its verdict as plain data."""
    verdict = checked.verdict
    return {
        "verdict": checked.word,
        "source": f"{checked.source_cluster}/{checked.source}",
        "destination": f"{checked.destination_cluster}/{checked.destination}".lstrip("/"),
        "port": f"{checked.port}/{checked.protocol}" if checked.port else "",
        "why": checked.why,
        "fix": checked.fix,
        "egress": direction(verdict.egress) if verdict else None,
        "ingress": direction(verdict.ingress) if verdict else None,
    }


def direction(found: DirectionVerdict) -> dict[str, Any]:
    """One direction's decision as plain data."""
    return {
        "cluster": found.cluster,
        "decision": found.decision.name.lower(),
        "policies": [f"{ref.namespace}/{ref.name}".lstrip("/") for ref in found.policies],
        "doubts": list(found.doubts),
        "notes": list(found.notes),
    }
