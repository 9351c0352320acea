"""Sets two kept runs side by side: numbers, who answered, and what was changed in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from meshtui.core.load.record import changes

Record = Mapping[str, Any]


class Contrast(NamedTuple):
    """One property of two runs."""

    name: str
    before: str
    after: str

    @property
    def same(self) -> bool:
        """Whether it did not change."""
        return self.before == self.after


class Comparison(NamedTuple):
    """Two runs side by side; `changes` are sentences on what their outcome depends on."""

    contrasts: tuple[Contrast, ...]
    changes: tuple[str, ...]


def compare(before: Record, after: Record) -> Comparison:
    """`before` and `after` are two of `record`'s results."""
    old, new = _told(before), _told(after)
    names = [*old, *(name for name in new if name not in old)]
    rows = tuple(Contrast(name, old.get(name, "–"), new.get(name, "–")) for name in names)
    return Comparison(rows, tuple(changes(before, after)))


def _told(one: Record) -> dict[str, str]:
    summary: Mapping[str, Any] = one.get("summary") or {}
    latency: Mapping[str, Any] = summary.get("latency") or {}
    total = summary.get("total", 0)
    told = {
        "from": who(one),
        "url": str(one.get("url", "")),
        "answered": f"{summary.get('answered', 0)}/{total}",
        "timed out": str(summary.get("timeouts", 0)),
        "refused": str(summary.get("refused", 0)),
    }
    for name, count in (summary.get("by_cluster") or {}).items():
        told[f"by {name or 'unknown'}"] = f"{count} ({count / total:.0%})" if total else str(count)
    for name in ("p50", "p90", "p95", "p99", "max"):
        told[name] = f"{1000 * latency.get(name, 0.0):.1f} ms"
    told["longest gap"] = f"{summary.get('gap', 0.0):.1f} s"
    told["verdict"] = str(one.get("verdict") or "–")
    return told


def who(one: Record) -> str:
    """`koornacht/x-wing`, or this machine."""
    source: Mapping[str, Any] = one.get("from") or {}
    cluster = source.get("cluster") or source.get("context")
    return f"{cluster}/{source.get('workload', '')}" if cluster else "this machine"
