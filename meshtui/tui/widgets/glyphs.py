"""Every glyph of the screen as one ASCII character, for terminals and locales that have no others."""

from __future__ import annotations

_PAIRS = {
    "✔": "+", "✗": "x", "◌": ".", "–": "-", "—": "-", "→": ">", "←": "<", "⇄": "=", "↔": "=", "·": ".", "●": "o",
    "○": "o", "◉": "@", "◐": "%", "▸": ">", "▪": "*", "▌": "|", "…": "~", "×": "x", "⏎": "<", "↑": "^", "↓": "v",
    "▲": "^", "▼": "v", "─": "-", "│": "|", "├": "+", "└": "+", "┌": "+", "┐": "+", "┘": "+", "╭": "+", "╮": "+",
    "╯": "+", "╰": "+", "█": "#", "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "▔": "-",
    "µ": "u", "≤": "<", "≥": ">", "“": '"', "”": '"', "’": "'", "‘": "'", "«": '"', "»": '"', "∎": "#", "■": "#",
}  # fmt: skip
_TABLE = str.maketrans(_PAIRS)


def to_ascii(text: str) -> str:
    """`text` in ASCII, a character for a character; a name's letter that has none becomes `?`."""
    if text.isascii():
        return text
    return text.translate(_TABLE).encode("ascii", "replace").decode("ascii")
