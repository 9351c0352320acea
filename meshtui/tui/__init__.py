"""The Textual dashboard: renders core's state, sends commands to the session."""

from meshtui.tui.start import run_dashboard

__all__ = ["run_dashboard"]
