"""Saved filters as a filter line offers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtui.core.savedfilters import MARK
from meshtui.tui.widgets.paint import Line, Span, fit, safe

_NAME = 30
"""Cells of a name."""
_MOST = 12


def offer_lines(offered: Sequence[tuple[str, str]], chosen: int) -> list[Line]:
    """A line for each, the one that tab takes marked; of many, those around it."""
    first = max(0, min(chosen - _MOST // 2, len(offered) - _MOST))
    lines: list[Line] = []
    for at, (name, value) in list(enumerate(offered))[first : first + _MOST]:
        mark = Span(" ▸ " if at == chosen else "   ", "key")
        role = "strong" if at == chosen else ""
        lines.append([mark, Span(fit(safe(name, 100), _NAME), role), Span(f" {safe(value, 300)}", "dim")])
    if offered:
        lines.append([Span("   tab takes it, ↑ ↓ choose", "dim")])
    return lines


def saved_hint(saved: Mapping[str, str]) -> Line:
    """That there are saved ones."""
    names = " ".join(MARK + name for name in list(saved)[:6])
    return [Span(f" {fit(safe(names, 200), 32)} ", "key"), Span(f"saved filters: {MARK} lists those for here", "dim")]
