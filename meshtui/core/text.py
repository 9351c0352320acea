"""Turns hostile text from a cluster into text that is safe to print: no control characters, bounded length."""

from __future__ import annotations

import unicodedata

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}


def clean(text: str, limit: int = 512) -> str:
    """`text` with control, format and bidi characters made visible, cut to `limit` characters with `…`.

    The result still is plain text, not markup: give it to rich as `Text` or escape it.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if unicodedata.category(char) in _HIDDEN:
        return f"\\u{ord(char):04x}"
    return char


def shorten(text: str, width: int) -> str:
    """`text` cut in its middle to `width` cells of single-width characters, keeping both ends."""
    if len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    head = (width - 1 + 1) // 2
    tail = width - 1 - head
    return text[:head] + "…" + (text[-tail:] if tail else "")
