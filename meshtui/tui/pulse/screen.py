"""The pulse on the whole screen: drawn again every second, from the flows that come anyway."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.health.pulse import BUCKETS, Pulse
from meshtui.core.health.tally import BUCKET_SECONDS
from meshtui.core.model.state import Cluster
from meshtui.tui.board import Board
from meshtui.tui.clipboard import copy
from meshtui.tui.ports import SessionPort
from meshtui.tui.pulse import rows
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.lines import LineView
from meshtui.tui.widgets.paint import Line

SECONDS = 1.0
"""Between two looks."""
HEADS = ""


class PulseList(ItemList):
    """A line for each cluster under column heads."""

    @property
    def headed(self) -> bool:
        """The columns' names stay on top."""
        return True


class PulseScreen(Dialog[None]):
    """Enter goes to the cluster, d to its drops."""

    AUTO_FOCUS = "PulseList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "cluster", "Go to the cluster", show=False),
        Binding("d", "drops", "Flows dropped there", show=False),
        Binding("y", "copy", "Copy the line", show=False),
    ]

    def __init__(
        self, board: Board, session: SessionPort, to_cluster: Callable[[str], None], to_drops: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.board, self.session = board, session
        self.to_cluster, self.to_drops = to_cluster, to_drops
        self.list = PulseList()
        self._box = Vertical(self.list, classes="dialog -whole")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        minutes = BUCKETS * BUCKET_SECONDS // 60
        self._box.border_title = self.entitle(f"Pulse ─ the last {minutes} minutes, a bar is {BUCKET_SECONDS} seconds")
        self._box.border_subtitle = self.entitle("· not measured · enter cluster · d its drops · y copy · esc")
        yield self._box

    def on_mount(self) -> None:
        """Fill it, and again every second: time passes where nothing happens, too."""
        self.call_after_refresh(self.refill)
        self.set_interval(SECONDS, self.refill)

    def on_resize(self) -> None:
        """Lines depend on the width."""
        self.call_after_refresh(self.refill)

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        """The cluster under the cursor tells more."""
        event.stop()
        self.refill()

    @property
    def each(self) -> list[tuple[Cluster, Pulse]]:
        """Clusters and their pulse as of now."""
        return rows.of_each(self.session.mesh.clusters.values(), self.session.pulses())

    def refill(self) -> None:
        """Show what there is now."""
        width = self.list.scrollable_content_region.width
        if width <= 0:
            return
        each, judgement = self.each, self.session.judgement
        scale, at = rows.scales(pulse for _, pulse in each), rows.widths([cluster for cluster, _ in each], width)
        selected = self._chosen() or next((cluster.context for cluster, _ in each), HEADS)
        lines: dict[Hashable, Sequence[Line]] = {HEADS: [rows.heads(at, scale)]}
        for cluster, pulse in each:
            here = cluster.context == selected
            lines[cluster.context] = rows.cluster_lines(cluster, pulse, judgement, at, scale, width, open_=here)
        self.list.fill(lines)
        if self.list.cursor == 0 and each:
            self.list.move_to(1)

    def _chosen(self) -> str:
        """Context under the cursor, or empty."""
        found = self.list.selected
        return found if isinstance(found, str) else ""

    def action_cluster(self) -> None:
        """Close, and go to the cluster in pane 1."""
        if context := self._chosen():
            self.dismiss(None)
            self.to_cluster(context)

    def action_drops(self) -> None:
        """Close, and show what its nodes dropped in pane 3."""
        if context := self._chosen():
            self.dismiss(None)
            self.to_drops(context)

    def action_copy(self) -> None:
        """Copy the line as words."""
        for cluster, pulse in self.each:
            if cluster.context == self._chosen():
                self.board.say(copy(self.app, rows.row_text(cluster, pulse)), "dim", "·")
