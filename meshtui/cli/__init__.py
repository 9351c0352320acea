"""The command line: headless verbs on the session, the dashboard's and the embedded mesh's front doors."""

from meshtui.cli.main import run

__all__ = ["run"]
