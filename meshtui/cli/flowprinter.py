"""Prints flows in the form that was asked for; filters as `hubble observe --print-raw-filters` does."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshtui.cli import output, words
from meshtui.core.flows.compact import Form, compact_line
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.forms import SEPARATOR, dict_lines, table_lines
from meshtui.core.text import clean

Explain = Callable[[FlowRow], Sequence[str]]
_WIDEST = 4000
_AT_ONCE = 256
"""Lines of JSON that are written together."""
_ANSI = {
    "host": 36,
    "port": 33,
    "identity": 35,
    "forwarded": 32,
    "dropped": 31,
    "audit": 33,
    "traced": 33,
    "translated": 33,
    "auth": 32,
    "auth-fails": 31,
}
_ALIASES = {"jsonpb": "jsonl", "tab": "table"}


def form_of(arguments: Any, *, color: bool) -> Form:
    """How lines look; `color` says whether standard output is to have colours by default."""
    when = arguments.color_when
    return Form(
        node=arguments.print_node_name,
        numeric=arguments.numeric or not arguments.ip_translation,
        policies=arguments.print_policy_names,
        time=arguments.time_format,
        clusters=arguments.clusters,
        paint=_paint if when == "always" or (when == "auto" and color and _colors_are_shown()) else None,
    )


def _colors_are_shown() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _paint(role: str, text: str) -> str:
    return f"\x1b[{_ANSI[role]}m{text}\x1b[0m"


class Printer:
    """Prints flows in one of the forms."""

    def __init__(self, output_form: str, form: Form, explain: Explain | None = None) -> None:
        self.explain = explain
        """Says more of a flow, below its line; None says nothing."""
        self._output = _ALIASES.get(output_form, output_form)
        self._form = form
        self._printed = 0
        self.problem: BaseException | None = None
        """Why nothing can be printed any more."""

    def follow(self, rows: Sequence[FlowRow]) -> None:
        """Print rows as they come; JSON as lines."""
        if not rows or self.problem is not None:
            return
        try:
            self._emit(rows)
            sys.stdout.flush()
        except OSError as error:
            self.problem = error

    def show(self, rows: Sequence[FlowRow]) -> None:
        """Print all there is; that there is none is said on standard error."""
        if not rows:
            words.say("meshtui: no flow is as asked")
        if self._output in ("compact", "dict", "jsonl"):
            self._emit(rows)
        elif self._output == "table":
            for line in table_lines(rows, self._form):
                output.emit(line)
        else:
            from meshtui.hubble.jsonlines import as_document

            output.document([as_document(row) for row in rows], self._output)

    def _emit(self, rows: Sequence[FlowRow]) -> None:
        if self._output == "jsonl":
            from meshtui.hubble.jsonlines import as_line

            for start in range(0, len(rows), _AT_ONCE):
                output.emit("\n".join(map(as_line, rows[start : start + _AT_ONCE])))
            return
        for row in rows:
            for line in self._lines(row):
                output.emit(line)
            self._printed += 1

    def _lines(self, row: FlowRow) -> list[str]:
        if self._output == "compact":
            line = compact_line(row, self._form)
            return [line if self._form.paint else clean(line, _WIDEST), *self._why(row)]
        return [*([SEPARATOR] if self._printed else []), *dict_lines(row, self._form), *self._why(row)]

    def _why(self, row: FlowRow) -> list[str]:
        return [f"    {clean(line, _WIDEST)}" for line in self.explain(row)] if self.explain is not None else []


def print_filters(whitelist: Sequence[Mapping[str, Any]], blacklist: Sequence[Mapping[str, Any]]) -> None:
    """FlowFilters as the YAML that `hubble observe` takes as its configuration."""
    for name, filters in (("allowlist", whitelist), ("denylist", blacklist)):
        if filters:
            output.emit(f"{name}:")
        for document in filters:
            text = json.dumps(document, separators=(",", ":")).replace("'", "''")
            output.emit(f"    - '{text}'")
    if not whitelist and not blacklist:
        output.emit("{}")
