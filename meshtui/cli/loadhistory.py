"""`meshtui load --history`: the runs kept on this machine, and two of them compared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from meshtui.cli import headless, output
from meshtui.core.errors import Exit, UsageError
from meshtui.core.load.compare import Record, compare, who
from meshtui.mesh.load.runlog import RunLog

COLUMNS = ("run", "at", "from", "url", "answered", "answered_by", "timeouts", "gap_s", "verdict", "changed")
_CONTRAST = ("what", "before", "after")


def show(arguments: Any) -> int:
    """Print the kept runs, newest first, each numbered; or the comparison of two numbers."""
    settings = headless.settings_from(arguments)
    runs = RunLog(settings.state_directory).read()[::-1]
    if arguments.compare:
        _compare(runs, *arguments.compare, form=arguments.output)
    elif arguments.output in ("json", "yaml"):
        output.document(runs, arguments.output)
    elif arguments.output == "jsonl":
        output.lines(runs)
    else:
        rows = [_row(number, runs) for number in range(1, len(runs) + 1)]
        output.show(rows, COLUMNS, arguments.output, nothing="no load test was kept yet")
    return Exit.OK


def _compare(runs: list[dict[str, Any]], before: int, after: int, *, form: str) -> None:
    for number in (before, after):
        if number > len(runs):
            raise UsageError(f"there is no run {number}", hint=f"{len(runs)} are kept; see meshtui load --history")
    found = compare(runs[before - 1], runs[after - 1])
    rows = [{"what": c.name, "before": c.before, "after": c.after} for c in found.contrasts]
    if not output.is_table(form):
        output.document({"contrasts": rows, "changes": list(found.changes)}, "yaml" if form == "yaml" else "json")
        return
    output.table(rows, _CONTRAST)
    for sentence in found.changes or ("nothing else was changed",):
        output.emit(output.plain(sentence))


def _row(number: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    one = runs[number - 1]
    summary = one["summary"]
    return {
        "run": number,
        "at": datetime.fromtimestamp(one.get("started") or 0, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "from": who(one),
        "url": one.get("url"),
        "answered": f"{summary.get('answered', 0)}/{summary.get('total', 0)}",
        "answered_by": [f"{name or 'unknown'} {count}" for name, count in (summary.get("by_cluster") or {}).items()],
        "timeouts": summary.get("timeouts", 0),
        "gap_s": round(summary.get("gap", 0.0), 1),
        "verdict": one.get("verdict"),
        "changed": _changed(one, runs[number:]),
    }


def _changed(one: Record, older: list[dict[str, Any]]) -> list[str]:
    """What was changed since the run before it to the same service from the same client."""
    from meshtui.core.load.record import changes

    alike = (run for run in older if (who(run), run.get("url")) == (who(one), one.get("url")))
    before = next(alike, None)
    return changes(before, one) if before is not None else []
