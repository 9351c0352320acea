"""`meshtui policies`: network policies of all clusters, a row per name; `apply`, `delete` and `diff` of files."""

from __future__ import annotations

from typing import Any

from meshtui.cli import headless, output, watching
from meshtui.cli.policycheck import check
from meshtui.core.errors import UsageError
from meshtui.core.model.resources import CCNPS, CNPS, NAMESPACES, NETWORKPOLICIES, PODS, POLICIES
from meshtui.core.policy.listing import Order, ordered, parse
from meshtui.core.policy.overview import Overview, json_of
from meshtui.mesh.scope import Scope

VERBS = ("apply", "delete", "diff")
COLUMNS = ("policy", "kind", "in", "selects", "closes", "does")


def main(arguments: Any) -> int:
    """Print them, or do with files what was asked for."""
    what = list(arguments.what)
    if what == ["suggest"]:
        from meshtui.cli import policysuggest

        return policysuggest.main(arguments)
    if what[:1] == ["check"]:
        if len(what) != 3:
            raise UsageError("check takes FROM and TO", hint="see `meshtui policies -h`")
        return headless.wait_for(check(arguments, what[1], what[2]))
    if what:
        if what[0] not in VERBS:
            raise UsageError(f"policies does not know {what[0]!r}", hint=f"it knows {', '.join(VERBS)}")
        from meshtui.cli import policyfiles

        return policyfiles.main(arguments, what[0], what[1:])
    parse(arguments.filter)
    watching.check(arguments)
    return headless.wait_for(_list(arguments))


async def _list(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    scope = Scope(
        (*POLICIES, NAMESPACES, PODS), status=False, access=False, flows=False, judged=False, once=not arguments.watch
    )
    async with headless.opened(settings, scope) as session:
        code = headless.missing_data(session, (CNPS, NETWORKPOLICIES), (CCNPS, NAMESPACES, PODS))
        namespaces = headless.shown_namespaces(session.settings)
        wanted = parse(arguments.filter)

        def rows() -> list[dict[str, Any]]:
            found = [
                row
                for row in Overview(session.mesh).rows()
                if (not namespaces or row.namespace in namespaces or not row.namespace) and wanted(row)
            ]
            return [json_of(row) for row in ordered(found, Order(arguments.sort))]

        if arguments.watch:
            return await watching.watch(session, rows, ("policy", "kind"), COLUMNS, arguments)
        output.show(rows(), COLUMNS, arguments.output, nothing="no network policies; -A looks in all namespaces")
        return code
