"""Glyph, word and colour of every status, so that none is ever told by colour alone."""

from __future__ import annotations

from meshtui.core.errors import MeshtuiError
from meshtui.core.model.links import LinkVerdict
from meshtui.core.model.objects import Node
from meshtui.core.model.state import Phase
from meshtui.tui.widgets.paint import Span, safe, wrapped

OK, BAD, WAITING, WARNING, NOTHING = "✔", "✗", "◌", "!", "–"

_PHASES = {
    Phase.CONNECTING: (WAITING, "connecting", "dim"),
    Phase.LIVE: (OK, "live", "ok"),
    Phase.STALE: (WARNING, "stale", "warn"),
    Phase.FAILED: (BAD, "failed", "bad"),
    Phase.ABSENT: (NOTHING, "absent", "dim"),
}
_LINKS = {
    LinkVerdict.UNKNOWN: (WAITING, "dim"),
    LinkVerdict.READY: (OK, "ok"),
    LinkVerdict.PARTLY: (WARNING, "warn"),
    LinkVerdict.CONNECTING: (WAITING, "warn"),
    LinkVerdict.NOT_CONFIGURED: (NOTHING, "dim"),
    LinkVerdict.SILENT: (BAD, "bad"),
    LinkVerdict.DOWN: (BAD, "bad"),
}


def phase(value: Phase) -> Span:
    """`✔ live`, `◌ connecting`, `! stale`, `✗ failed` or `– absent`."""
    glyph, word, role = _PHASES[value]
    return Span(f"{glyph} {word}", role)


def link(verdict: LinkVerdict, sentence: str) -> Span:
    """A link's glyph and its own sentence."""
    glyph, role = _LINKS[verdict]
    return Span(f"{glyph} {safe(sentence)}", role)


def node(item: Node) -> Span:
    """`✔ Ready`, `✗ NotReady`, or `? Unknown` when its kubelet went silent."""
    ready = next((c for c in item.status.conditions or () if c.type == "Ready"), None)
    if ready is None or ready.status not in ("True", "False"):
        return Span("? Unknown", "warn")
    return Span(f"{OK} Ready", "ok") if ready.status == "True" else Span(f"{BAD} NotReady", "bad")


def error_text(error: MeshtuiError) -> str:
    """An error as one sentence: title, cause."""
    return safe(f"{error.title}: {error.cause}" if error.cause else error.title)


def error_lines(
    error: MeshtuiError, width: int, *, indent: int = 2, role: str = "bad", most: int = 100
) -> list[list[Span]]:
    """An error told over at most `most` lines: what and why; then its next step."""
    told = wrapped(f"{BAD} {error_text(error)}", width, indent=indent)
    if len(told) > most:
        told = [*told[: most - 1], f"{told[most - 1][: width - 1]}…"]
    lines = [[Span(text, role)] for text in told]
    if error.hint:
        lines += [[Span(text, "dim")] for text in wrapped(f"→ {safe(error.hint)}", width, indent=indent)]
    return lines
