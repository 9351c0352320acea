"""`meshtui undo`: takes back the last change that still stands, whichever session made it, by the audit log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.cli.changing import change, seen
from meshtui.core.model.resources import DEPLOYMENTS, NAMESPACES, POLICIES, SERVICES
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

COLUMNS = ("at", "change", "contexts", "values")
_WATCHED = (NAMESPACES, SERVICES, DEPLOYMENTS, *POLICIES)


def main(arguments: Any) -> int:
    """Plan, ask, do; or list."""
    return headless.wait_for(_main(arguments))


async def _main(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope(_WATCHED, status=False, flows=False)) as session:
        code = headless.missing_data(session, (), _WATCHED)
        session.recall()
        if arguments.list:
            rows = _rows(session)
            output.show(rows, COLUMNS, arguments.output, nothing="no change in these clusters still stands")
            return code
        plan = session.plan_undo()
        if plan is None:
            words.say("meshtui: no change in these clusters still stands; nothing was changed")
            output.show([], COLUMNS, arguments.output)
            return code
        code = max(code, await change(session, plan, arguments))
        await seen(session, arguments)
        return code


def _rows(session: Session) -> list[dict[str, Any]]:
    return [
        {
            "at": datetime.fromtimestamp(outcomes[0].at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "change": plan.title,
            "contexts": list(dict.fromkeys(step.context for step in plan.steps)),
            "values": [
                f"{key} {(step.before or {}).get(key)} → {value}"
                for step in plan.steps
                for key, value in (step.after or {}).items()
                if isinstance(value, str | int | None)
            ],
        }
        for plan, outcomes in reversed(session.history.done)
    ]
