"""What a table's columns are made of: names, types, and times as kubectl writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meshtui.sim.store import Object


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `priority` above 0 shows only with `-o wide`."""

    name: str
    type: str = "string"
    priority: int = 0

    def definition(self) -> dict[str, Any]:
        """A TableColumnDefinition."""
        return {
            "name": self.name,
            "type": self.type,
            "format": "name" if self.name == "Name" else "",
            "description": "",
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource's columns and how an object fills them at a time."""

    columns: tuple[Column, ...]
    row: Callable[[Object, float], list[Any]]


def name_of(obj: Object) -> str:
    """An object's name."""
    return str(obj["metadata"]["name"])


def age(obj: Object, now: float, field: str = "creationTimestamp") -> str:
    """How long ago a metadata timestamp was, as kubectl writes durations."""
    return since(obj["metadata"].get(field), now)


def since(stamp: str | None, now: float) -> str:
    """How long ago an RFC 3339 time was."""
    if not stamp:
        return "<unknown>"
    return duration(now - datetime.fromisoformat(stamp).timestamp())


def duration(seconds: float) -> str:
    """Kubernetes' HumanDuration: 45s, 3m20s, 25m, 5h30m, 47h, 3d4h, 40d, 2y30d."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    total = max(total, 0)
    if total < 120:
        return f"{total}s"
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if minutes < 10:
        return _pair(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _pair(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _pair(big: int, unit: str, small: int, small_unit: str) -> str:
    return f"{big}{unit}{small}{small_unit}" if small else f"{big}{unit}"


def default() -> Kind:
    """Name and age, for kinds without columns of their own."""
    return Kind(
        (Column("Name"), Column("Created At", "date")),
        lambda obj, now: [name_of(obj), obj["metadata"].get("creationTimestamp")],
    )
