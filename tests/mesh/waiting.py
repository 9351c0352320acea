"""Waiting for what a session comes to know, with a deadline instead of a sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshtui.mesh.session import Session

DEADLINE = 20.0


async def until(session: Session, condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    """Return as soon as `condition()` is true; looked at whenever the session has news."""
    news = asyncio.Event()
    stops = [session.subscribe(lambda _: news.set()), session.subscribe_flows(news.set)]
    try:
        async with asyncio.timeout(deadline):
            while not condition():
                news.clear()
                await news.wait()
    finally:
        for stop in stops:
            stop()
