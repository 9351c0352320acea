"""`meshtui findings`: what is wrong or surprising in the mesh, numbered; `--fix N` makes the change that mends it."""

from __future__ import annotations

from typing import Any

from meshtui.cli import headless, output, watching, words
from meshtui.cli.changing import change
from meshtui.cli.services import NEEDED, RESOURCES
from meshtui.cli.status import evidence
from meshtui.core.errors import CheckFailed, Exit, UsageError
from meshtui.core.findings import Finding, findings
from meshtui.core.findings.report import finding_json, namespace_of
from meshtui.core.model import resources as r
from meshtui.core.model.resources import PODS, POLICIES
from meshtui.core.model.severity import Severity
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

COLUMNS = ("number", "severity", "clusters", "object", "finding", "since", "still_works", "because", "advice")
WATCHED = (*RESOURCES, *POLICIES, PODS, r.DAEMONSETS, r.DEPLOYMENTS)
_WAIT_SECONDS = 900.0


def main(arguments: Any) -> int:
    """Print them, or mend one."""
    watching.check(arguments)
    if arguments.watch and (arguments.wait or arguments.fix):
        raise UsageError("--watch goes on, --wait and --fix end: choose one")
    return headless.wait_for(_main(arguments))


async def _main(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope(WATCHED, access=bool(arguments.fix))) as session:
        unread = await evidence(session, settings)
        code = max(unread, headless.missing_data(session, NEEDED, [each for each in WATCHED if each not in NEEDED]))
        if arguments.fix:
            return await change(session, session.plan_fix(_numbered(session, arguments.fix)), arguments)
        if arguments.watch:
            told = COLUMNS[1:]
            return await watching.watch(session, lambda: _unnumbered(session), ("kind", "object"), told, arguments)
        limit = headless.limit(arguments.timeout) if arguments.timeout else _WAIT_SECONDS
        gone = not arguments.wait or await session.until(lambda: not _bad(shown(session)), limit)
        found = shown(session)
        rows = [_row(session, number, each) for number, each in enumerate(found, 1)]
        output.show(rows, COLUMNS, arguments.output, nothing=headless.nothing_wrong(code))
        if not gone:
            words.say(f"there still are findings after {limit:g} s")
            return Exit.TIMED_OUT
        return max(code, int(_bad(found)))


def _row(session: Session, number: int, found: Finding) -> dict[str, Any]:
    """One finding; where there is a change that mends it, the command that makes it."""
    row = {"number": number, **finding_json(session.mesh, found)}
    return {**row, "advice": row["advice"] or (f"meshtui findings --fix {number}" if found.fixes else "")}


def _unnumbered(session: Session) -> list[dict[str, Any]]:
    """Findings as they are now: their numbers would change with every one that comes or goes."""
    return [finding_json(session.mesh, each) for each in shown(session)]


def shown(session: Session) -> list[Finding]:
    """Those of the namespaces asked for and of the mesh itself, in the order that numbers them."""
    namespaces = headless.shown_namespaces(session.settings)
    return [
        found
        for found in findings(session.mesh, session.judging.now())
        if not namespaces or namespace_of(session.mesh, found) in {"", *namespaces}
    ]


def _bad(found: list[Finding]) -> bool:
    return any(each.severity is not Severity.INFO for each in found)


def _numbered(session: Session, number: int) -> Finding:
    found = shown(session)
    if number > len(found):
        raise UsageError(f"there is no finding {number}", hint=f"there are {len(found)}: `meshtui findings`")
    chosen = found[number - 1]
    if not chosen.fixes:
        hint = chosen.advice or "`meshtui findings -o json` tells its evidence"
        raise CheckFailed(f"no annotation mends finding {number}: {output.plain(chosen.sentence)}", hint=hint)
    return chosen
