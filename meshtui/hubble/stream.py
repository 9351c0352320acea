"""Follows one Relay or agent: reads, decodes and hands over in its own thread, reconnects while it is wanted."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError, RelayError, RelayHeldUp, RelayUnreachable
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import Gap
from meshtui.core.model.state import Phase
from meshtui.hubble.dial import TlsOptions, address, failure, open_channel, silent
from meshtui.hubble.gather import gathered
from meshtui.hubble.query import FlowQuery, refuses_mask
from meshtui.hubble.relay import HubbleNode, ServerStatus, flows_over, oldest_over, serving_over, status_over
from meshtui.hubble.rows import Decoder, Lost, NodeStatus
from meshtui.hubble.status import Losses, Nodes, RateMeter, StreamStatus

BATCH_SECONDS = 0.05
_BATCH_ROWS = 4_000
_FLOOD_ROWS = 1_000
"""Flows in a batch from which they are only skimmed: a judge lets most of a flood go, and this thread must keep up."""
_STATUS_SECONDS = 1.0
_GREETING_TIMEOUT = 5.0
_SUMS_TIMEOUT = 2.0
"""A Relay asks all its peers for its ServerStatus: one that it cannot reach holds the answer up."""
_OVERLAP_NS = 5_000_000_000
"""A reconnect asks again for the last seconds: clocks differ, and the Relay sorts late. The store drops the repeats."""
_UNSEEN_CLOCK_NS = 60_000_000_000
"""How far back a reconnect reaches when no event has yet told what the nodes' clocks say."""
_SHED_SAMPLE = 16
_FLOW_TAG = 0x0A
_BILLION = 1_000_000_000


class Backoff(Struct, frozen=True):
    """Seconds before the next attempt: doubling from `first` to `longest`, each drawn from the upper half."""

    first: float = 0.5
    longest: float = 30.0

    def delay(self, failures: int, rng: random.Random) -> float:
        """Before the attempt that follows the `failures`-th failure in a row (from 1)."""
        ceiling: float = min(self.longest, self.first * 2 ** min(failures - 1, 16))
        return ceiling * rng.uniform(0.5, 1.0)


class FlowStream:
    """One GetFlows stream. `deliver` and `status` are called in the stream's threads, never both at once.

    Rows reach `deliver` within BATCH_SECONDS of their arrival, in batches of at most 20 a second. While `room()`
    is false, flows are thrown away undecoded but for one in sixteen, and counted in the status. With `whole` a row's
    every field is read here, for a consumer that looks at all of every row, and not in the consumer's turn.
    """

    def __init__(
        self,
        target: str,
        *,
        context: str,
        tls: TlsOptions | None = None,
        query: FlowQuery | None = None,
        deliver: Callable[[list[FlowRow]], None],
        status: Callable[[StreamStatus], None],
        clock: Clock,
        rng: random.Random,
        backoff: Backoff | None = None,
        room: Callable[[], bool] = lambda: True,
        keep_raw: bool = True,
        whole: bool = False,
    ) -> None:
        self.target = target
        self.context = context
        self._tls = tls
        self._query = query or FlowQuery()
        self._deliver = deliver
        self._status = status
        self._clock = clock
        self._rng = rng
        self._backoff = backoff or Backoff()
        self._room = room
        self._decoder = Decoder(context, keep_raw=keep_raw)
        self._whole = whole
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._armed = threading.Event()
        self._call: Any = None
        self._buffer: list[bytes] = []
        self._flush_at = 0.0
        self._status_at = 0.0
        self._nodes = Nodes()
        self._losses = Losses()
        self._meter = RateMeter(clock.monotonic())
        self._state = StreamStatus(context, clock.now(), Phase.CONNECTING)
        self._received = self._shed = self._undecodable = 0
        self._newest_ns = 0
        self._live_ns = 0
        self._broken_at_ns: int | None = None
        self._resuming = False
        self._asked = False
        self._held_up = False
        self._ended_ns = 0
        self._since_ns: int | None = None
        self._reader = threading.Thread(target=self._run, name=f"flows {context}", daemon=True)
        self._pulse = threading.Thread(target=self._beat, name=f"flows {context} pulse", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._say(phase=Phase.CONNECTING)
        self._reader.start()
        self._pulse.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the stream and wait for its threads. Idempotent; must not be called from its callbacks."""
        self._stopping.set()
        self._armed.set()
        call = self._call
        if call is not None:
            call.cancel()
        for thread in (self._reader, self._pulse):
            if thread.is_alive():
                thread.join(timeout)

    def ask(self, query: FlowQuery, since_ns: int) -> None:
        """Follow another query from now on, beginning at `since_ns` as far as the rings reach back. Returns at once.

        A stream that delivers goes on over the connection it has: nothing of it depends on a new one.
        """
        with self._lock:
            self._query, self._since_ns, self._asked = query, since_ns, True
            call = self._call
        if call is not None:
            call.cancel()

    def note_nodes(self, nodes: Sequence[HubbleNode]) -> None:
        """What GetNodes said meanwhile: a Relay's stream does not tell that a node is back."""
        with self._lock:
            if self._call is None:
                return
            held_up, self._held_up = self._held_up, False
            if self._nodes.listed(nodes) or held_up:
                self._say()

    @property
    def running(self) -> bool:
        """Whether the stream still reads or will try again."""
        return self._reader.is_alive() and not self._stopping.is_set()

    # The reading thread.

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            before = self._received
            error = self._attempt()
            self._flush()
            if self._stopping.is_set() or not self._query.follow:
                break
            if self._asked and error is None:
                continue
            failures = 1 if self._received > before else failures + 1
            self._broken(error)
            self._stopping.wait(self._backoff.delay(failures, self._rng))
        with self._lock:
            self._stopping.set()
            self._armed.set()
            self._say(ended=True)

    def _attempt(self) -> MeshtuiError | None:
        """Connect and read until the stream ends. Returns why it ended."""
        try:
            with (
                gathered(address(self.target), context=self.context) as near,
                open_channel(self.target, self._tls, context=self.context, via=near) as channel,
            ):
                self._greet(channel)
                while self._follow(channel):
                    continue
        except grpc.RpcError as error:
            if self._stopping.is_set() or self._asked:
                return None
            return self._failed(failure(error, self.target, self.context))
        except MeshtuiError as error:
            return self._failed(error)
        finally:
            self._call = None
        return self._no_peers() if self._query.follow else None

    def _follow(self, channel: grpc.Channel) -> bool:
        """Read one call until it ends; whether another query is to be asked over the same channel."""
        with self._lock:
            self._asked = False
            call = self._call = flows_over(channel, self._resumed())
        if self._stopping.is_set():
            call.cancel()
        try:
            self._read(call)
        except grpc.RpcError as error:
            # Cancelled by `ask`: the Relay did not fail, and a new greeting could be held up by a neighbour of its.
            again = self._asked and error.code() is grpc.StatusCode.CANCELLED
            if not again and not self._without_mask(str(error.details() or "")):
                raise
        finally:
            self._ended_ns = self._now_ns()
        self._flush()
        return self._asked and not self._stopping.is_set()

    def _no_peers(self) -> RelayUnreachable:
        return RelayUnreachable(
            f"Hubble Relay at {self.target} has no flows to give",
            context=self.context,
            cause="it reaches no agent, or is shutting down",
            hint="It is asked again until it does; `hubble list nodes` shows which agents it reaches.",
        )

    def _failed(self, reason: MeshtuiError) -> MeshtuiError:
        if not self._query.follow and isinstance(reason, RelayError):
            self._say(phase=Phase.FAILED, error=reason)
        return reason

    def _greet(self, channel: grpc.Channel) -> None:
        """Learn that the Relay is there, how many nodes it has, and what was missed since the stream broke."""
        status = self._sums(channel)
        if status is not None and status.nodes_connected == 0 and self._query.follow:
            raise self._no_peers()
        gap = self._missed(channel, status)
        with self._lock:
            self._held_up = status is None
            if status is not None:
                self._nodes = Nodes(set(), dict.fromkeys(status.unavailable, ""), status.nodes_connected or 1)
            self._broken_at_ns = None
            self._live_ns = self._live_ns or self._now_ns()
            version = status.version if status is not None else self._state.version
            self._say(phase=Phase.LIVE, error=None, version=version, gap=gap)

    def _sums(self, channel: grpc.Channel) -> ServerStatus | None:
        """The Relay's status; None when the Relay itself is well and a peer of its holds the answer up."""
        try:
            return status_over(channel, self.target, self.context, _SUMS_TIMEOUT)
        except RelayHeldUp as error:
            if not serving_over(channel, _GREETING_TIMEOUT - _SUMS_TIMEOUT):
                raise silent(self.target, self.context) from error
            return None

    def _missed(self, channel: grpc.Channel, status: ServerStatus | None) -> Gap | None:
        """After a break: from when to when, and whether the rings still hold all of it."""
        start = self._broken_at_ns
        if start is None:
            return None
        if status is None:
            return Gap(self.context, start, self._now_ns())
        try:
            oldest = oldest_over(channel, _GREETING_TIMEOUT)
        except grpc.RpcError:
            oldest = {}
        # Rings that were up all the time and never full have forgotten nothing, however young their oldest flow is.
        never_full = status.num_flows * (status.nodes_connected or 1) < status.max_flows
        whole = never_full and status.uptime_ns > self._now_ns() - start
        held = whole or (bool(oldest) and max(oldest.values()) <= start)
        end = self._now_ns() if held or not oldest else max(oldest.values())
        return Gap(self.context, start, max(start, end), lost=not held)

    def _resumed(self) -> FlowQuery:
        """The query, from where the stream broke."""
        wanted, self._since_ns = self._since_ns, None
        if not self._query.follow or (wanted is None and not self._resuming):
            return self._query
        since_ns = self._live_ns - _UNSEEN_CLOCK_NS
        if self._newest_ns:
            since_ns = min(self._newest_ns, self._now_ns()) - _OVERLAP_NS
        return replace(self._query, since_ns=since_ns if wanted is None else min(wanted, since_ns))

    def _now_ns(self) -> int:
        return int(self._clock.now() * _BILLION)

    def _read(self, call: Any) -> None:
        monotonic = self._clock.monotonic
        lock = self._lock
        for raw in call:
            with lock:
                buffer = self._buffer
                buffer.append(raw)
                if monotonic() >= self._flush_at or len(buffer) >= _BATCH_ROWS:
                    self._flush()
                elif len(buffer) == 1:
                    self._armed.set()
            if self._stopping.is_set():
                call.cancel()

    # Handing over, in whichever thread comes first.

    def _flush(self) -> None:
        with self._lock:
            batch, self._buffer = self._buffer, []
            self._flush_at = self._clock.monotonic() + BATCH_SECONDS
            rows = self._decode(batch)
            if rows:
                self._deliver(rows)

    def _decode(self, batch: list[bytes]) -> list[FlowRow]:
        decode, whole = self._decoder.decode, self._whole and len(batch) < _FLOOD_ROWS
        if batch and not self._room():
            batch = self._sampled(batch)
        rows: list[FlowRow] = []
        for raw in batch:
            item = decode(raw, whole=whole)
            if isinstance(item, FlowRow):
                rows.append(item)
            else:
                self._note(item)
        self._received += len(rows)
        if rows:
            self._newest_ns = max(self._newest_ns, max(row.time_ns for row in rows))
        return rows

    def _sampled(self, batch: list[bytes]) -> list[bytes]:
        kept = [raw for at, raw in enumerate(batch) if at % _SHED_SAMPLE == 0 or raw[:1] != bytes([_FLOW_TAG])]
        self._shed += len(batch) - len(kept)
        self._received += len(batch) - len(kept)
        return kept

    def _note(self, item: object) -> None:
        if isinstance(item, NodeStatus):
            self._nodes.note(item)
            self._without_mask(item.message)
            self._say()
        elif isinstance(item, Lost):
            self._losses.note(item)
        else:
            self._undecodable += 1

    def _without_mask(self, message: str) -> bool:
        """An older agent refuses a field it does not know: ask all for everything, over the same connection.

        Whether that is asked now: it is no break of the stream.
        """
        if not self._query.mask or not refuses_mask(message):
            return False
        with self._lock:
            self._query, self._asked = replace(self._query, mask=()), True
            if self._call is not None:
                self._call.cancel()
        return True

    def _beat(self) -> None:
        """Hands over what waits when nothing more arrives, and reports the rate once a second."""
        while not self._stopping.is_set():
            if self._armed.wait(_STATUS_SECONDS):
                self._armed.clear()
                self._stopping.wait(BATCH_SECONDS)
                self._flush()
            with self._lock:
                if self._clock.monotonic() >= self._status_at and not self._stopping.is_set():
                    self._say()

    # What is said of the stream.

    def _broken(self, error: MeshtuiError | None) -> None:
        with self._lock:
            first = self._broken_at_ns is None
            if first and self._live_ns:
                # Since the last call ended nothing comes, however long it took to find out that no other begins.
                self._broken_at_ns = max(self._ended_ns, self._live_ns)
            self._resuming = self._resuming or self._broken_at_ns is not None
            phase = Phase.STALE if self._broken_at_ns is not None else Phase.FAILED
            self._say(phase=phase, error=error, broken_from_ns=self._broken_at_ns if first else None)

    def _say(self, **changes: Any) -> None:
        """Tell `status` where the stream stands, with what changed."""
        with self._lock:
            monotonic = self._clock.monotonic()
            self._status_at = monotonic + _STATUS_SECONDS
            nodes = self._nodes
            shed, self._shed = self._shed, 0
            self._state = replace(
                self._state,
                **{"gap": None, "broken_from_ns": None} | changes,
                at=self._clock.now(),
                nodes_connected=len(nodes.connected) or nodes.counted,
                nodes=tuple(sorted(nodes.connected)),
                nodes_unavailable=tuple(sorted(nodes.unavailable)),
                node_errors=tuple(sorted((n, m) for n, m in nodes.unavailable.items() if m)),
                lost=self._losses.take(),
                lost_where=tuple(sorted(self._losses.where.items())),
                rate=self._meter.rate(monotonic, self._received),
                received=self._received,
                shed=shed,
                undecodable=self._undecodable,
                held_up=self._held_up,
            )
            self._status(self._state)
