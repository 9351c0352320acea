"""Makes the view of a kind: events, sums, connections or map; the rarer ones are loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.core.flows.filter import Question
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore, FlowView
from meshtui.tui.flows.views.events import Events
from meshtui.tui.flows.views.view import FlowListing


def choose(
    kind: str,
    store: FlowStore,
    view: FlowView,
    question: Question,
    sentence: Callable[[FlowRow], str],
    *,
    two_lines: bool,
) -> FlowListing:
    """A look at `view`; `sentence` explains a drop in a line."""
    if kind == "events":
        listed = Events(store, view, sentence)
        listed.two_lines = two_lines
        return listed
    if kind == "connections":
        from meshtui.tui.flows.views.connections import ConnectionsView

        return ConnectionsView(store, view, question.matches)
    from meshtui.tui.flows.views.sums import Map, Sums

    return Map(store, view) if kind == "map" else Sums(store, view)
