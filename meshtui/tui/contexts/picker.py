"""Chooses contexts of the kubeconfig where there are too many to show unasked."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from meshtui.mesh.targets import MOST, Choice
from meshtui.tui.widgets.paint import Line, Span, fit, safe
from meshtui.tui.widgets.picker import Picker


def narrowed(choices: Sequence[Choice], text: str) -> list[Choice]:
    """Those whose context, cluster, server or mesh has the words, or matches the pattern, of what was typed."""
    words = text.split()
    return [choice for choice in choices if all(_has(choice, word) for word in words)]


def _has(choice: Choice, word: str) -> bool:
    where = (choice.context, choice.cluster, choice.server, *choice.meshes)
    if any(char in word for char in "*?["):
        return any(fnmatchcase(text, word) for text in where)
    return any(word.casefold() in text.casefold() for text in where)


class ContextPicker(Picker):
    """Gives the contexts chosen, in the kubeconfig's order."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__(
            [choice.context for choice in choices],
            kind="context",
            heading=f"{len(choices)} contexts: which ones?",
            verb="opens",
            placeholder="type to narrow down: prod, eu-*, a mesh's name",
        )
        self.choices = {choice.context: choice for choice in choices}

    def narrowed(self, text: str) -> list[str]:
        """Those that have the words."""
        return [choice.context for choice in narrowed(list(self.choices.values()), text)]

    def warning(self, count: int) -> str:
        """That more are hard to read."""
        return f"more than {MOST} are hard to read" if count > MOST else ""

    def line(self, name: str, width: int) -> Line:
        """The context, its server and its meshes."""
        choice = self.choices[name]
        told = Span(f"{fit(safe(name, 120), max(20, width // 3))} ", "strong" if choice.current else "")
        meshes = f"  mesh {', '.join(choice.meshes)}" if choice.meshes else ""
        current = "  current" if choice.current else ""
        return [told, Span(safe(choice.server, 120), "dim"), Span(safe(meshes, 60), "info"), Span(current, "key")]
