"""Chooses the namespaces to show: each with how many services it has, and how many of those are global or fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from meshtui.core.model.order import natural
from meshtui.core.services.table import ServiceTable
from meshtui.tui.widgets.paint import Line, Span, fit, safe
from meshtui.tui.widgets.picker import Picker

ALL = "*"
"""The line that stands for every namespace: no namespace can be called so."""


@dataclass(slots=True)
class Counts:
    """Services of one namespace."""

    services: int = 0
    meshed: int = 0
    failing: int = 0


def counts(table: ServiceTable, names: Iterable[str], failing: AbstractSet[str]) -> dict[str, Counts]:
    """Namespace → its services, in natural order; those that fail anywhere first."""
    found = {name: Counts() for name in names}
    for row in table.all_rows():
        here = found.setdefault(row.namespace, Counts())
        here.services += 1
        here.meshed += row.meshed
        here.failing += row.key in failing
    return dict(sorted(found.items(), key=lambda item: (not item[1].failing, natural(item[0]))))


class NamespacePicker(Picker):
    """Gives the namespaces chosen; one of them `ALL` means every namespace."""

    def __init__(self, found: dict[str, Counts], shown: Sequence[str]) -> None:
        super().__init__(
            [ALL, *found],
            kind="namespace",
            heading=f"{len(found)} namespaces: which ones?",
            verb="shows",
            placeholder="type to narrow down",
        )
        self.found = found
        self.shown = shown

    def narrowed(self, text: str) -> list[str]:
        """Those that have all words."""
        words = text.casefold().split()
        names = [name for name in self.found if all(word in name.casefold() for word in words)]
        return names if words else [ALL, *names]

    def line(self, name: str, width: int) -> Line:
        """A namespace and its services."""
        room = max(20, width // 3)
        if name == ALL:
            here = "" if self.shown else "  shown now"
            return [Span(fit("all namespaces", room), "strong"), Span(here, "key")]
        told = self.found[name]
        line = [Span(fit(safe(name, 120), room)), Span(f" {told.services:>6} services", "dim")]
        line.append(Span(f"  {told.meshed} in the mesh" if told.meshed else "", "info"))
        line.append(Span(f"  {told.failing} failing" if told.failing else "", "bad"))
        return [*line, Span("  shown now" if name in self.shown else "", "key")]
