"""Themes that a person writes in the settings: one of ours with other colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from textual.theme import Theme

from meshtui.tui import theme

_TEXTUAL = {"ok": "success", "warn": "warning", "bad": "error", "key": "primary", "info": "secondary",
            "brand": "accent", "foreground": "foreground", "background": "background", "panel": "panel"}  # fmt: skip
"""A theme's key → what Textual calls it."""


def made(name: str, table: Mapping[str, Any]) -> Theme:
    """A theme from its checked table (`core.settingtables`); its palette is known from now on."""
    base = str(table.get("base", "dark"))
    ground = next(own for own in theme.OWN if own.name == theme.NAMES[base])
    exact = {key: value for key, value in table.items() if str(value).startswith("#")}  # Textual has no bright_cyan
    told: dict[str, Any] = {_TEXTUAL[key]: str(value) for key, value in exact.items() if key in _TEXTUAL}
    if "background" in told:
        told["surface"] = told["background"]
    variables = dict(ground.variables)
    variables |= {key: str(exact[key]) for key in ("border", "muted") if key in exact}
    variables |= {"border-blurred": str(exact["border"])} if "border" in exact else {}
    theme.add_kind(name, base, table)
    return replace(ground, name=name, variables=variables, **told)
