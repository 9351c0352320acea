"""Turns hostile text from a cluster into text that is safe to print: no control characters, bounded length."""

from __future__ import annotations

import re
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


HIDDEN = "(hidden)"
"""Stands where a credential stood."""
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_USERINFO = re.compile(r"(?<=://)[^\s/?#@\"'<>]+@")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?")
_SCHEME = re.compile(
    r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?|bearer\s+(?=\S*[\d=._]))[^\s\"',]{3,}"
)
_NAMED = re.compile(
    r"(?i)([\w-]*(?:password|passwd|secret|api[-_]?key|client[-_]?key[-_]?data|token)"
    r"(?:[\"']\s*[:=]\s*[\"']?|\s*=\s*[\"']?|\s*:\s*(?:[\"']|(?=\S*\d)|(?=\S{16}))))"
    r"(?!\(hidden\))[^\s\"',&;]{3,}"
)
"""`"token":"…"`, `token=…`; after a bare `token: ` only what no word of a sentence looks like."""


def discreet(text: str) -> str:
    """`text` without what looks like a credential: private keys, JWTs, `Bearer …`, `token: …`, `user:password@`."""
    if "PRIVATE KEY" in text:
        text = _PEM.sub(HIDDEN, text)
    text = _USERINFO.sub("", text)
    text = _JWT.sub(HIDDEN, text)
    text = _SCHEME.sub(rf"\1{HIDDEN}", text)
    return _NAMED.sub(rf"\1{HIDDEN}", text)


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
