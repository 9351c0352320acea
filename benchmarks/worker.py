"""What reading flows in a worker process would cost, beside the stream's thread: CPU of the parent and of both.

    .venv/bin/python benchmarks/worker.py [COUNT]

The worker streams and decodes and sends pickled (time, uuid, node, verdict, raw) ten times a second over a pipe; the
parent makes rows of them, still unread, and stores them. Both ways in one run, at full speed and at 1,000 flows/s.
"""

from __future__ import annotations

import multiprocessing
import pickle
import random
import sys
import threading
import time
from multiprocessing.connection import Connection

from flows import QUERY, RealClock, ingest, server

from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore
from meshtui.hubble.inbox import Inbox
from meshtui.hubble.rows import Decoder, _UnreadRow
from meshtui.hubble.status import StreamStatus
from meshtui.hubble.stream import FlowStream


def work(target: str, pipe: Connection) -> None:
    """The worker: everything up to unread rows, then across."""
    cpu, ended = time.process_time(), threading.Event()

    def status(told: StreamStatus) -> None:
        if told.ended:
            ended.set()

    inbox = Inbox(lambda: None, limit=10_000_000)
    stream = FlowStream(
        target,
        context="benchmark",
        query=QUERY,
        deliver=inbox.put,
        status=status,
        clock=RealClock(),
        rng=random.Random(1),
    )
    stream.start()
    over = False
    while not over:
        over = ended.wait(0.1)
        sent = [(row.time_ns, row.uuid, row.node, row.verdict, row.raw) for row in inbox.drain()[0]]
        pipe.send_bytes(pickle.dumps(sent, protocol=5))
    pipe.send_bytes(pickle.dumps(time.process_time() - cpu))


def across(target: str) -> tuple[int, float, float, float]:
    """(rows, seconds, the parent's CPU seconds, the worker's)."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(target, theirs))
    child.start()
    store, decoder = FlowStore(), Decoder("benchmark")
    cpu = start = 0.0
    while True:
        got = ours.recv_bytes()
        if not start:
            cpu, start = time.process_time(), time.perf_counter() - 0.1
        batch = pickle.loads(got)
        if isinstance(batch, float):
            break
        rows: list[FlowRow] = []
        for values in batch:
            row = _UnreadRow.__new__(_UnreadRow)
            row.time_ns, row.uuid, row.node, row.verdict, row.raw = values
            row.decoder = decoder
            rows.append(row)
        store.add(rows)
    elapsed, used = time.perf_counter() - start, time.process_time() - cpu
    child.join()
    return store.seen, elapsed, used, batch


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for rate, number in ((0.0, count), (1000.0, 6000)):
        with server(number, rate) as target:
            seen, seconds, cpu, _, _ = ingest(target)
            print(f"{rate or 'full'}: thread  {seen / seconds:8,.0f}/s, {cpu / seen * 1e6:5.1f} us a flow")
            seen, seconds, cpu, theirs = across(target)
            print(
                f"{rate or 'full'}: worker  {seen / seconds:8,.0f}/s, {cpu / seen * 1e6:5.1f} us a flow in the parent, "
                f"{(cpu + theirs) / seen * 1e6:5.1f} in both"
            )


if __name__ == "__main__":
    main()
