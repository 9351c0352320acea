"""Waiting for what a session comes to know, with a deadline instead of a sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshtui.mesh.session import Session
from tests.waiting import GUARD, told


async def until(session: Session, condition: Callable[[], object]) -> None:
    """Return as soon as `condition()` is true; looked at whenever the session has news."""
    news = asyncio.Event()
    stops = [session.subscribe(lambda _: news.set()), session.subscribe_flows(news.set)]
    try:
        async with asyncio.timeout(GUARD):
            while not condition():
                news.clear()
                await news.wait()
    except TimeoutError:
        raise AssertionError(f"not within {GUARD:g} s: {told(condition)}") from None
    finally:
        for stop in stops:
            stop()
