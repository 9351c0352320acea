"""Which services are marked, in which clusters: marks stay while the list is filtered, sorted and changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from meshtui.core.model.state import Mesh
from meshtui.tui.services.rows import Cell


class Marks:
    """Cells in the order in which they were marked."""

    def __init__(self) -> None:
        self._cells: dict[Cell, None] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)

    def __contains__(self, cell: object) -> bool:
        return cell in self._cells

    def turn(self, cells: Sequence[Cell]) -> None:
        """Mark all of these; when all of them are marked, unmark them."""
        if all(cell in self._cells for cell in cells):
            for cell in cells:
                del self._cells[cell]
        else:
            self._cells.update(dict.fromkeys(cells))

    def clear(self) -> None:
        """Forget all."""
        self._cells.clear()

    def only_of(self, mesh: Mesh) -> None:
        """Forget services that are in their cluster no more: a change cannot mean them."""
        gone = [c for c in self._cells if c[1] not in mesh.clusters or c[0] not in mesh.clusters[c[1]].services]
        for cell in gone:
            del self._cells[cell]

    def words(self, shown: Callable[[str], bool]) -> str:
        """`3 marked`, and how many of them are not shown now; `shown` says it of a service's key."""
        hidden = sum(1 for key, _ in self._cells if not shown(key))
        return f"{len(self._cells)} marked" + (f", {hidden} of them not shown" if hidden else "")
