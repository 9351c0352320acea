"""The last minute of one cluster's flows, asked of its Relay once: for who judges once and does not stay to watch."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from msgspec import Struct, field

from meshtui.core.flows.assignment import EVERYTHING, Assignment
from meshtui.core.flows.flow import FlowRow
from meshtui.hubble.inbox import Inbox
from meshtui.hubble.query import FlowQuery

NUMBER = 2_000
"""Flows asked for of each node."""


def last_minute(now: float, asked: Assignment = EVERYTHING) -> FlowQuery:
    """What a judgement looks back at. `now`: wall time, seconds."""
    from meshtui.core.health.pathhealth import WINDOW

    whitelist, blacklist = asked.filters((), ())
    return FlowQuery(whitelist, blacklist, follow=False, number=NUMBER, since_ns=int((now - WINDOW) * 1e9), mask=())


def _endless() -> Inbox:
    """One that keeps all: what was asked for by number is bounded, and a sample of it would be judged wrongly."""
    return Inbox(lambda: None, sys.maxsize)


class Lookback(Struct):
    """Belongs on the event loop, but for `inbox`."""

    share: Callable[[], Assignment]
    """Whose flows the Relay is to tell, by what is known of the mesh now."""
    inbox: Inbox = field(default_factory=_endless)
    named: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the cluster's name is known or refused: who asks before it is told every cluster's flows."""
    asked: Assignment = EVERYTHING
    """Whose flows were asked for."""
    complete: bool = False
    """Whether the Relay has told all it had."""

    def query(self, now: float) -> FlowQuery:
        """The question for its share of the flows. `now`: wall time, seconds."""
        self.asked = self.share()
        return last_minute(now, self.asked)

    def rows(self) -> list[FlowRow]:
        """What came, once."""
        return self.inbox.drain()[0]
