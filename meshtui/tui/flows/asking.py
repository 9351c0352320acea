"""What the Flows pane was asked to show, and what of it the servers are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtui.core.flows.filter import Question

NARROWED = "the Relays now send only what matches: traffic shares of pane 2 pause, and load tests find fewer flows"


class Asking:
    """The question in force, and since when all flows come again after a filter of the servers'."""

    def __init__(self) -> None:
        self.question: Question | None = None
        """What is shown; None until there is a session."""
        self.whole_since = 0.0
        """Wall time from which all flows come again; 0 when they always did."""

    @property
    def narrowed(self) -> str:
        """What the servers are asked for, and nothing else comes; empty when everything does."""
        return self.question.narrowed if self.question is not None else ""

    def change(self, question: Question, now: float) -> tuple[bool, str]:
        """Ask this from now on (wall time): whether the servers must be told, and what a person must know."""
        before, was, self.question = self.question, self.narrowed, question
        servers = before is None or before.typed != question.typed
        if was and not self.narrowed:
            self.whole_since = now
        return servers, NARROWED if self.narrowed and not was else ""
