"""Makes a stream of one Relay for a session: rows go to the inbox, what is said of the stream to the event loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError, RelayAbsent
from meshtui.core.model import state as s
from meshtui.hubble.inbox import Inbox
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.status import StreamStatus
from meshtui.hubble.stream import FlowStream
from meshtui.mesh.flows.relays import RelayEndpoint

StatusListener = Callable[[FlowStream, StreamStatus], None]


def relay_changed(status: StreamStatus, reached: RelayEndpoint | None) -> s.RelayChanged:
    """What a stream says of the source that it reads."""
    return s.RelayChanged(
        status.context,
        status.at,
        phase=status.phase,
        source=reached.source if reached else None,
        address=reached.address if reached else None,
        error=status.error,
        nodes_connected=status.nodes_connected,
        nodes_unavailable=status.nodes_unavailable,
        nodes=status.nodes,
        held_up=status.held_up,
    )


def no_relay(context: str, at: float, error: MeshtuiError) -> s.RelayChanged:
    """There is no source, and why."""
    phase = s.Phase.ABSENT if isinstance(error, RelayAbsent) else s.Phase.FAILED
    return s.RelayChanged(context, at, phase=phase, source=s.FlowSource.NONE, address="", error=error, nodes=())


def new_stream(
    reached: RelayEndpoint,
    query: FlowQuery,
    told: StatusListener,
    *,
    context: str,
    inbox: Inbox,
    clock: Clock,
    rng: random.Random,
) -> FlowStream:
    """A stream that is not started yet. `told` is called on the running loop, for as long as there is one."""
    loop = asyncio.get_running_loop()

    def tell(status: StreamStatus) -> None:
        try:
            loop.call_soon_threadsafe(lambda: told(stream, status))
        except RuntimeError:
            return  # the loop is closed: nobody is left to be told

    stream = FlowStream(
        reached.address,
        context=context,
        tls=reached.tls,
        query=query,
        deliver=inbox.put,
        status=tell,
        clock=clock,
        rng=rng,
        room=inbox.room,
        whole=inbox.whole,
    )
    return stream
