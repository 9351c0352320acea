"""Glyph, word and colour of every status, so that none is ever told by colour alone."""

from __future__ import annotations

from meshtui.core.errors import LoginAwaited, MeshtuiError
from meshtui.core.health.model import Verdict
from meshtui.core.model.objects import Node
from meshtui.core.model.state import Link, Phase
from meshtui.tui.widgets.paint import Span, safe, wrapped

OK, BAD, WAITING, WARNING, NOTHING = "✔", "✗", "◌", "!", "–"

_PHASES = {
    Phase.CONNECTING: (WAITING, "connecting", "dim"),
    Phase.LIVE: (OK, "live", "ok"),
    Phase.STALE: (WARNING, "stale", "warn"),
    Phase.FAILED: (BAD, "failed", "bad"),
    Phase.ABSENT: (NOTHING, "absent", "dim"),
}
_VERDICTS = {
    Verdict.WELL: (OK, "ok"),
    Verdict.IDLE: (NOTHING, "dim"),
    Verdict.RECOVERING: (WARNING, "warn"),
    Verdict.UNKNOWN: (WAITING, "dim"),
    Verdict.STALE: (WARNING, "warn"),
    Verdict.CONTRADICTED: (BAD, "bad"),
    Verdict.FAILING: (BAD, "bad"),
}


def phase(value: Phase) -> Span:
    """`✔ live`, `◌ connecting`, `! stale`, `✗ failed` or `– absent`."""
    glyph, word, role = _PHASES[value]
    return Span(f"{glyph} {word}", role)


def aged(link: Link, now: float) -> Span:
    """A phase, and while it is stale for how long: `! stale 12 s`."""
    told = phase(link.phase)
    if link.phase is not Phase.STALE or not link.since or not now:
        return told
    return Span(f"{told.text} {max(0.0, now - link.since):.0f} s", told.role)


def verdict(value: Verdict, words: str) -> Span:
    """A verdict's glyph and its own words."""
    glyph, role = _VERDICTS[value]
    return Span(f"{glyph} {safe(words)}", role)


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
    if isinstance(error, LoginAwaited):
        # What a plugin asks is never cut: the last word is the code to enter.
        role, glyph, said = "warn", WAITING, [error.title, *error.cause.splitlines()]
        told = [
            part for line in (f"{glyph} {said[0]}", *said[1:]) for part in wrapped(safe(line), width, indent=indent)
        ]
        most = len(told)
    else:
        told = wrapped(f"{BAD} {error_text(error)}", width, indent=indent)
    if len(told) > most:
        told = [*told[: most - 1], f"{told[most - 1][: width - 1]}…"]
    lines = [[Span(text, role)] for text in told]
    if error.hint:
        lines += [[Span(text, "dim")] for text in wrapped(f"→ {safe(error.hint)}", width, indent=indent)]
    return lines
