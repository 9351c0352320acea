"""The tour beside the dashboard: one stop at a time, with one key that does it and one that checks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from textual.binding import BindingType
from textual.content import Content

from meshtui.core.errors import MeshtuiError
from meshtui.core.model.state import Delta
from meshtui.tui import commands as c
from meshtui.tui.widgets.paint import Line, Span
from meshtui.tui.widgets.pane import BlockPane, bindings

if TYPE_CHECKING:
    from meshtui.lab.guide import Guide


class _Host(Protocol):
    control: str


class TourPane(BlockPane):
    """The pane `t` opens."""

    scope: ClassVar[str] = "tour"
    BINDINGS: ClassVar[list[BindingType]] = bindings("tour")
    marks_cursor = False
    max_time: ClassVar[float] = 2.0
    """Seconds a request of the checks may take."""

    def __init__(self) -> None:
        super().__init__()
        self._guides: tuple[Guide, Guide] | None = None
        self._second = False
        self._problem: MeshtuiError | None = None

    @property
    def guide(self) -> Guide | None:
        """The tour in front, once there is one."""
        return self._guides[self._second] if self._guides else None

    def open(self) -> None:
        """Make the tours when they are first looked at: only then is it known which clusters they are in."""
        board = self.dashboard
        if self._guides is None and board.session is not None:
            from meshtui.tui.lab.guides import guides

            try:
                control = cast("_Host", self.app).control
                self._guides = guides(board, board.session, control, self._news, self.max_time)
                self._problem = None
            except MeshtuiError as error:
                self._problem = error
        self._news()

    def _news(self) -> None:
        if self.is_attached:
            self.rebuild()
            self.dashboard.redraw()

    def entitle(self, detail: str) -> None:
        """The tour has no number."""
        self.border_title = Content(detail or "Tour")

    def blocks(self, width: int) -> list[tuple[Hashable, list[Line]]]:
        """Every line an item of its own, so that it scrolls by lines."""
        from meshtui.tui.lab import rows
        from meshtui.tui.widgets import status

        guide = self.guide
        made: list[Line]
        if guide is None:
            self.entitle("")
            if self._problem is not None:
                made = list(status.error_lines(self._problem, width, indent=1))
            else:
                made = [[Span(f" {status.WAITING} waiting for the clusters", "info")]]
        else:
            self.entitle(f"{guide.tour.title} ─ {guide.stop.number}/{len(guide.tour.stops)} {guide.stop.text.title}")
            made = rows.lines(guide, width)
        return [((number,), [line]) for number, line in enumerate(made)]

    def changed(self, delta: Delta) -> None:
        """Clusters' names may have become known."""
        if self._guides is None and self.screen.has_class("-tour"):
            self.open()
        elif delta.status and self.screen.has_class("-tour"):
            self.rebuild()

    def row_text(self) -> str:
        """The commands of this stop."""
        from meshtui.tui.lab import rows

        return rows.copied(self.guide) if self.guide else ""

    def why_not(self, command: c.Command) -> str:
        """Nothing while something is under way, and what is not ours to build."""
        if command.id.startswith("lab."):
            return "nothing is changed with --read-only" if self.dashboard.settings.read_only else ""
        guide = self.guide
        if guide is None:
            return "there is no lab yet"
        if command.id in ("tour.do", "tour.check", "tour.undo") and guide.busy:
            return guide.busy
        if command.id == "tour.do":
            return guide.tour.why_not(guide.stop)
        return ""

    def _start(self, work: Callable[[Guide], Coroutine[Any, Any, None]]) -> None:
        if self.guide is not None:
            self.scroll_home(animate=False)
            self.run_worker(work(self.guide), group="tour", exit_on_error=False, description="tour")

    def do_tour_do(self) -> None:
        """Bring the stop about and check it."""
        self._start(lambda guide: guide.do())

    def do_tour_check(self) -> None:
        """Look whether it is so."""
        self._start(lambda guide: guide.check())

    def do_tour_undo(self) -> None:
        """Back to what was before this stop."""
        self._start(lambda guide: guide.back())

    def do_tour_next(self) -> None:
        """To the next stop."""
        self._step(1)

    def do_tour_previous(self) -> None:
        """To the stop before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if self.guide is not None:
            self.guide.go(self.guide.at + by)
            self.scroll_home(animate=False)

    def do_tour_answers(self) -> None:
        """Show or hide the answers."""
        if self.guide is not None:
            self.guide.answers = not self.guide.answers
            self._news()

    def do_tour_other(self) -> None:
        """The other tour."""
        self._second = not self._second
        self.scroll_home(animate=False)
        self._news()

    def do_tour_restart(self) -> None:
        """Forget everything that was passed and go to the first stop."""
        if self.guide is not None:
            self.guide.reset(all_of_it=True)

    def do_lab_up(self) -> None:
        """Build the lab's kind clusters."""
        self._build(removes=False)

    def do_lab_down(self) -> None:
        """Remove them."""
        self._build(removes=True)

    def _build(self, *, removes: bool) -> None:
        from meshtui.lab.kind.record import Records
        from meshtui.tui.lab.build import BuildDialog

        board = self.dashboard
        try:
            records = Records(board.settings.state_directory)
        except MeshtuiError as error:
            board.tell(error)
            return
        self.app.push_screen(BuildDialog(records, board.clock, removes=removes))

    def do_down(self) -> None:
        """Scroll by a line."""
        self.scroll_relative(y=1, animate=False)

    def do_up(self) -> None:
        """Scroll by a line."""
        self.scroll_relative(y=-1, animate=False)
