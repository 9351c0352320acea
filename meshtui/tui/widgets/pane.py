"""What the four panes share: they know the dashboard, their number, and what a command may need of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, Protocol, cast, runtime_checkable

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size

from meshtui.core.model.state import Delta
from meshtui.tui import commands as c
from meshtui.tui.board import Board
from meshtui.tui.theme import drawn
from meshtui.tui.widgets.lines import LineView
from meshtui.tui.widgets.paint import Line, width_of


def bindings(scope: str) -> list[BindingType]:
    """Textual's bindings of the commands that belong to one scope."""
    return [
        Binding(
            ",".join(command.keys),
            f"app.run({command.id!r})",
            command.title,
            show=False,
            tooltip=command.help,
            id=command.id,
        )
        for command in c.COMMANDS
        if scope in command.scopes
    ]


@runtime_checkable
class GoesBack(Protocol):
    """What `esc` can leave by one step."""

    def do_back(self) -> bool:
        """Go up by one: True when there was something to leave."""
        ...


class Pane(LineView):
    """One of the four panes."""

    scope: ClassVar[str] = ""
    empty: ClassVar[str] = ""
    """What is said while there is nothing to show."""

    def __init__(self) -> None:
        super().__init__(self.scope, "pane")
        self.entitle("")

    @property
    def dashboard(self) -> Board:
        """The screen this pane is part of."""
        return cast("Board", self.screen)

    def entitle(self, detail: str) -> None:
        """Set the border's title: number, name, detail."""
        number = c.PANES.index(self.scope) + 1
        text = f"{number} {self.scope.title()}"
        self.border_title = Content(drawn(f"{text} ─ {detail}" if detail else text))

    def changed(self, delta: Delta) -> None:
        """Bring the pane up to date after the mesh changed."""

    def rebuild(self) -> None:
        """Make everything new: filter, zone or size changed."""

    def why_not(self, command: c.Command) -> str:
        """Why a command of this pane cannot be used now; empty when it can."""
        return ""

    def row_text(self) -> str:
        """What copying the row under the cursor gives."""
        key = self.selected
        if key is None:
            return ""
        width = self.scrollable_content_region.width
        return "\n".join("".join(s.text for s in line).strip() for line in self.item_lines(key, width))


class BlockPane(Pane):
    """A pane of few items whose lines are all made at once, whenever something changes."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[Hashable, Sequence[Line]] = {}

    def blocks(self, width: int) -> list[tuple[Hashable, list[Line]]]:
        """Every item and its lines."""
        raise NotImplementedError

    def rebuild(self) -> None:
        """Make all lines again and keep the cursor where it is."""
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        made = self.blocks(width)
        self._blocks = dict(made)
        self.show([key for key, _ in made], [len(lines) for _, lines in made])
        widest = max((width_of(line) for _, lines in made for line in lines), default=0)
        self.virtual_size = Size(max(width, widest if widest < 2 * width else width), self.total)

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """The lines made last for an item."""
        return self._blocks.get(key, ())

    def on_resize(self) -> None:
        """Lines depend on the width."""
        self.rebuild()
