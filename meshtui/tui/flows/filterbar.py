"""The flows' filter bar: completes from what is in view, says what is wrong while one types, and where what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input

from meshtui.core.errors import MeshtuiError
from meshtui.core.flows.filter import KEYS, Question, completions
from meshtui.core.flows.flow import FlowRow
from meshtui.core.savedfilters import expanded, offers, taken
from meshtui.tui.flows.title import where_it_runs
from meshtui.tui.widgets.dialog import LineText
from meshtui.tui.widgets.paint import Line, Span, fit, safe
from meshtui.tui.widgets.saved import offer_lines, saved_hint

_OFFERED = 8
_EXAMPLES = (
    ("from-pod:default/x-wing", "pods by namespace/prefix; also to-pod, pod"),
    ("to-label:name=rebel-base", "labels as a selector; also workload, service, namespace, identity, ip, fqdn"),
    ("cluster:tion cross-cluster:yes", "clusters of either side; only what goes from one to another"),
    ("port:80 protocol:tcp", "another key is AND, the same key again is OR"),
    ("type:policy-verdict not reply", "event types; `not` or ! turns a term round"),
    ("hide:probes hide:host hide:kube-dns", "noise"),
    ('text:"some words"', "words of the line; --from-pod x and all of hubble observe's flags work too"),
)


class FlowFilterDialog(ModalScreen[str | None]):
    """Enter takes the filter, tab completes, esc leaves the old one."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
        Binding("down", "choose(1)", show=False, priority=True),
        Binding("up", "choose(-1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    FlowFilterDialog { align: center bottom; }
    FlowFilterDialog LineText { dock: bottom; height: auto; max-height: 50vh; margin-bottom: 1; background: $panel; }
    FlowFilterDialog #filter { display: block; }
    """

    def __init__(self, question: Question, rows: Sequence[FlowRow], saved: Mapping[str, str]) -> None:
        super().__init__()
        self.saved = saved
        self.question = question
        self.rows = rows
        self.offers: list[str] = []
        self.named: list[tuple[str, str]] = []
        """Saved filters among the offers, with what they stand for."""
        self.chosen = 0
        self.told = LineText([])
        self.told.can_focus = False
        self.input = Input(question.text, placeholder="verdict:dropped from-pod:default/x-wing", id="filter",
                           select_on_focus=False)  # fmt: skip

    def compose(self) -> ComposeResult:
        """Offers and words above the input."""
        yield self.told
        yield self.input

    def on_mount(self) -> None:
        """Show what can be typed."""
        self._look(self.input.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Offer and judge what was typed."""
        self.chosen = 0
        self._look(event.value)

    def _look(self, text: str) -> None:
        at_word = bool(text) and not text.endswith(" ")
        self.named = offers(text, self.saved, self.question.asked)
        completed = [taken(text, name) for name, _ in self.named]
        self.offers = completed or (completions(text, self.rows, _OFFERED) if at_word else [])
        self.told.set_lines([*self._offer_lines(), self._verdict(text)])

    def _offer_lines(self) -> list[Line]:
        if not self.input.value.strip():
            told: list[Line] = [
                [Span(f" {fit(term, 38)} ", "key"), Span(meaning, "dim")] for term, meaning in _EXAMPLES
            ]
            return [*told, saved_hint(self.saved)] if self.saved else told
        if self.named:
            return offer_lines(self.named, self.chosen)
        lines: list[Line] = []
        for at, offer in enumerate(self.offers):
            word = offer.rpartition(" ")[2].removeprefix("!")
            key = KEYS.get(word.partition(":")[0])
            mark = " ▸ " if at == self.chosen else "   "
            about = key.help if key is not None and word.endswith(":") else ""
            lines.append([Span(mark, "key"), Span(fit(safe(word, 100), 40), "strong" if at == self.chosen else ""),
                          Span(f" {about}", "dim")])  # fmt: skip
        return lines

    def _verdict(self, text: str) -> Line:
        try:
            question = self.question.asked(expanded(text, self.saved))
        except MeshtuiError as error:
            if self.named:
                return ()  # a name half typed is no mistake yet
            hint = f" → {error.hint}" if error.hint else ""
            return [Span(f" ✗ {safe(error.title, 160)}", "bad"), Span(safe(hint, 200), "dim")]
        runs = where_it_runs(question.preset_text, question.typed, question.hidden)
        return [
            Span(" ✔ ", "ok"),
            Span(runs or "shows everything", "dim"),
            Span("   tab completes, enter takes it", "dim"),
        ]

    def action_choose(self, step: int) -> None:
        """Another offer."""
        if self.offers:
            self.chosen = (self.chosen + step) % len(self.offers)
            self.told.set_lines([*self._offer_lines(), self._verdict(self.input.value)])

    def action_complete(self) -> None:
        """Take the offer chosen."""
        if self.offers:
            offer = self.offers[self.chosen]
            self.input.value = offer if offer.endswith((":", " ")) else f"{offer} "
            self.input.cursor_position = len(self.input.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it when it is understood; otherwise what is wrong stays on the screen."""
        try:
            self.question.asked(expanded(event.value, self.saved))
        except MeshtuiError:
            return
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Leave the old one."""
        self.dismiss(None)
