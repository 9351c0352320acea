"""What simulated containers write to their standard output."""

from __future__ import annotations

from meshtui.sim.logs.book import LogBook, book
from meshtui.sim.logs.lines import Line

__all__ = ["Line", "LogBook", "book"]
