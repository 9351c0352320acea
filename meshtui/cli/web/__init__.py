"""`meshtui serve`: the dashboard in a browser, by textual-serve behind a token."""

from meshtui.cli.web.command import main

__all__ = ["main"]
