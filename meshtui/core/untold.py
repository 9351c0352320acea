"""Plain data that may hold something secret: its repr names its kind alone."""

from __future__ import annotations

from msgspec import Struct


class Untold(Struct, frozen=True):
    """A struct that no traceback, log or assertion prints the fields of."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
