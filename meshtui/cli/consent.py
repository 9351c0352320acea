"""The one rule for all verbs that change clusters: without a terminal nothing is changed without `--yes`."""

from __future__ import annotations

import sys
from typing import Any

from meshtui.core.errors import ReadOnly, Unconfirmed


def somebody_there() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def demand(arguments: Any) -> None:
    """Raise Unconfirmed where a change would be made, nobody can be asked, and nobody said `--yes`."""
    if not (arguments.yes or arguments.dry_run or somebody_there()):
        raise Unconfirmed("without a terminal nothing is changed unasked", hint="repeat it with --yes")


def demand_writing(arguments: Any, what: str) -> None:
    """The same, for what changes clusters without a plan. Raises ReadOnly too."""
    from meshtui.cli import headless

    if headless.settings_from(arguments).read_only:
        raise ReadOnly(f"--read-only: {what} changes clusters", hint="leave --read-only out")
    demand(arguments)
