"""Finds out who answered a run's requests and why others failed, from the flows that arrive around them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore
from meshtui.core.load.spec import Answer, LoadSpec, Request
from meshtui.core.load.story import tell_all
from meshtui.core.model.state import Mesh

PATIENCE = 1.5
"""Seconds after a request ended in which its flows may still arrive."""
_BEFORE, _AFTER = 5.0, 5.0
"""Seconds around the requests in which their flows lie, by clocks that may differ."""
_BREATH = 0.2
"""Seconds in which flows that come one after the other are waited for before looking again."""
_BILLION = 1_000_000_000
_UNSEEN = "no flow of it was seen"


class FlowsOf(Protocol):
    """The part of a session this needs."""

    @property
    def mesh(self) -> Mesh:
        """The mesh."""
        ...

    @property
    def flows(self) -> FlowStore:
        """All flows kept."""
        ...

    def subscribe_flows(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when flows arrived; returns how to stop that."""
        ...


def unknown(request: Request) -> bool:
    """Whether flows may tell more of a request: who answered it, in which pod, or why nobody did."""
    if request.answer is Answer.ANSWERED:
        return not request.cluster or not request.pod
    return request.attribution != "flows" and request.answer is not Answer.DNS_FAILED


def unseen(request: Request) -> bool:
    """Whether all that is told of it is that no flow of it came."""
    return request.story.startswith(_UNSEEN)


def tell_now(session: FlowsOf, spec: LoadSpec, pod: str, requests: Sequence[Request]) -> list[Request]:
    """`requests` with what the flows that are here say of them. Those from this machine have no flows."""
    if not requests or not spec.context:
        return list(requests)
    rows = flows_around(session.flows, requests)
    return tell_all(requests, rows, session.mesh, spec, pod) if rows else list(requests)


def flows_around(flows: FlowStore, requests: Sequence[Request]) -> list[FlowRow]:
    """Flows of the time in which requests were under way."""
    start = min(request.at - request.seconds for request in requests) - _BEFORE
    end = max(request.at for request in requests) + _AFTER
    return flows.between(int(start * _BILLION), int(end * _BILLION))


async def tell(
    session: FlowsOf, spec: LoadSpec, pod: str, requests: Sequence[Request], *, patience: float = PATIENCE
) -> list[Request]:
    """As `tell_now`, but wait up to `patience` seconds for flows as long as something is unknown."""
    told = tell_now(session, spec, pod, requests)
    if not spec.context:
        return told
    arrived = asyncio.Event()
    unsubscribe = session.subscribe_flows(arrived.set)
    try:
        async with asyncio.timeout(patience):
            while any(map(unknown, told)):
                await arrived.wait()
                await asyncio.sleep(_BREATH)
                arrived.clear()
                told = tell_now(session, spec, pod, requests)
    except TimeoutError:
        pass
    finally:
        unsubscribe()
    return told
