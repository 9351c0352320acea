"""`--watch` of the verbs that list: every row once, then each that is new, changed or gone, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from meshtui.cli import headless, output
from meshtui.core.errors import Exit, UsageError
from meshtui.mesh.session import Session

Rows = Callable[[], Sequence[output.Row]]
THERE, NEW, CHANGED, GONE = "there", "new", "changed", "gone"
PAUSE = 0.2
"""Seconds that changes are gathered for."""


def check(arguments: Any) -> None:
    """Raise UsageError where lines cannot be printed in the form asked for."""
    if arguments.watch and arguments.output not in ("table", "wide", "jsonl"):
        raise UsageError("--watch prints lines", hint="use -o jsonl, or no -o for a table")


async def watch(session: Session, rows: Rows, key: Sequence[str], columns: Sequence[str], arguments: Any) -> int:
    """Print `rows`, and what changes of them until interrupted or `--timeout` is over; `key` names a row."""
    lines = Lines(columns, arguments.output)
    told: dict[tuple[Any, ...], output.Row] = {}
    changed = asyncio.Event()
    unsubscribe = session.subscribe(lambda _: changed.set())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(headless.limit(arguments.timeout) if arguments.timeout else None):
                word = THERE
                while True:
                    now = {tuple(row.get(name) for name in key): row for row in rows()}
                    news = [each for each, row in now.items() if told.get(each) != row]
                    lines.tell([(CHANGED if each in told else word, now[each]) for each in news])
                    lines.tell([(GONE, row) for each, row in told.items() if each not in now])
                    told, word = now, NEW
                    await changed.wait()
                    await asyncio.sleep(PAUSE)
                    changed.clear()
    finally:
        unsubscribe()
    return Exit.OK


class Lines:
    """Rows as lines under one heading; columns keep the widths that the first rows gave them."""

    def __init__(self, columns: Sequence[str], form: str) -> None:
        self._columns = ("change", *columns)
        self._form = form
        self._table: output.Growing | None = None

    def tell(self, rows: Sequence[tuple[str, output.Row]]) -> None:
        """Print rows, each with what happened to it."""
        if not rows:
            return
        found = [{"change": word, **row} for word, row in rows]
        if self._form == "jsonl":
            output.lines(found)
        else:
            self._table = self._table or output.Growing(self._columns, wide=self._form == "wide")
            self._table.add(found)
        output.flush()
