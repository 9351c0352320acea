"""Flows as `hubble observe -o dict` and `-o table` print them, character by character (cilium/hubble/pkg/printer)."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.flows.compact import Form, clusters, flow_type, host, summary, verdict
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.times import formatted
from meshtui.core.text import clean

SEPARATOR = "------------"
"""The line between two flows of the dict form."""
_KEY_WIDTH = len("DESTINATION")
_CELL_LIMIT = 1 << 16
_PADDING = 3
"""Blanks after the widest cell of a column, Go's tabwriter with padding 3."""


def cells(row: FlowRow, form: Form) -> dict[str, str]:
    """Heading → text, cleaned, in the CLI's order. Both sides stand as the packet went, replies too."""
    named = {
        "TIMESTAMP": formatted(row.time_ns, form.time),
        "NODE": form.plain(row.node) if form.node else None,
        "SOURCE": host(row, False, form),
        "DESTINATION": host(row, True, form),
        "TYPE": form.plain(flow_type(row)),
        "VERDICT": verdict(row, form),
        "CLUSTERS": form.plain(clusters(row)) if form.clusters else None,
        "SUMMARY": summary(row, form),
    }
    found = {name: text for name, text in named.items() if text is not None}
    return found if form.paint else {name: clean(text, _CELL_LIMIT) for name, text in found.items()}


def dict_lines(row: FlowRow, form: Form) -> list[str]:
    """One flow as `KEY: VALUE` lines, keys aligned to the right."""
    return [f"{name:>{_KEY_WIDTH}}: {text}" for name, text in cells(row, form).items()]


def table_lines(rows: Sequence[FlowRow], form: Form) -> list[str]:
    """All flows in columns under headings, without colours; nothing for no flows.

    As Go's tabwriter has it, the last column is not filled up and the others always are.
    """
    listed = [cells(row, form) for row in rows]
    if not listed:
        return []
    lines = [list(listed[0]), *(list(found.values()) for found in listed)]
    widths = [max(len(cell) for cell in column) + _PADDING for column in zip(*lines, strict=True)][:-1]
    return ["".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[-1]]) for line in lines]
