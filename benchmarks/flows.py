"""How fast flows come in beside the fastest grpcio loop, what a slow stream costs, and what a kept flow weighs.

    .venv/bin/python benchmarks/flows.py [COUNT] [ROUNDS]

Ingest is the whole way: gRPC → decode → row → inbox → store with uuids and time order, drained at 20 Hz in another
thread, as the session does. Bare is the same stream read in a loop that throws the bytes away. Both in one run.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from row import Row

from meshtui.core.flows.store import FlowStore
from meshtui.hubble.dial import open_channel
from meshtui.hubble.inbox import Inbox
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.relay import flows_over
from meshtui.hubble.status import StreamStatus
from meshtui.hubble.stream import FlowStream

HERE = Path(__file__).resolve().parent
QUERY = FlowQuery(follow=False, number=0)


class RealClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


@contextmanager
def server(count: int, rate: float = 0.0, seed: int = 7) -> Iterator[str]:
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, str(HERE / "relay_server.py"), str(count), str(rate), str(seed)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert child.stdout is not None
        yield f"127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.kill()
        child.wait()


def bare(target: str) -> tuple[int, float, float]:
    """(messages, seconds, CPU seconds) of reading and throwing away."""
    with open_channel(target) as channel:
        cpu, start = time.process_time(), time.perf_counter()
        count = sum(1 for _ in flows_over(channel, QUERY))
        return count, time.perf_counter() - start, time.process_time() - cpu


def ingest(target: str) -> tuple[int, float, float, FlowStore, int]:
    """(rows, seconds, CPU seconds, store, shed) of the whole way."""
    store, ended, shed = FlowStore(), threading.Event(), [0]

    def status(told: StreamStatus) -> None:
        shed[0] += told.shed
        if told.ended:
            ended.set()

    inbox = Inbox(lambda: None)
    stream = FlowStream(
        target,
        context="benchmark",
        query=QUERY,
        deliver=inbox.put,
        room=inbox.room,
        status=status,
        clock=RealClock(),
        rng=random.Random(1),
    )
    cpu, start = time.process_time(), time.perf_counter()
    stream.start()
    while True:
        over = ended.wait(0.05)
        rows, dropped = inbox.drain()
        store.add(rows)
        shed[0] += dropped
        if over and not rows:
            break
    elapsed, used = time.perf_counter() - start, time.process_time() - cpu
    stream.stop()
    return store.seen, elapsed, used, store, shed[0]


def compare(count: int, rounds: int) -> None:
    print(f"{'':8} {'flows/s':>9} {'CPU us':>7}   lost shed kept")
    ratios, costs, bare_costs = [], [], []
    with server(count) as target:
        bare(target)
        for _ in range(rounds):
            read, seconds, cpu = bare(target)
            bare_rate = read / seconds
            bare_costs.append(cpu / read * 1e6)
            print(f"{'bare':8} {bare_rate:9,.0f} {cpu / read * 1e6:7.1f}")
            seen, seconds, cpu, store, shed = ingest(target)
            ratios.append(seen / seconds / bare_rate)
            costs.append(cpu / seen * 1e6)
            print(
                f"{'ingest':8} {seen / seconds:9,.0f} {cpu / seen * 1e6:7.1f}   "
                f"{count - seen - shed:4} {shed:4} {len(store):6}   ratio {ratios[-1]:.2f}"
            )
    Row("a flow taken in, CPU", statistics.median(costs), "us", "a grpcio loop", statistics.median(bare_costs)).say()
    print(f"ratio, median of {rounds}: {statistics.median(ratios):.2f} (aim 0.6)")


def paced(rate: float, seconds: float) -> None:
    with server(int(rate * seconds), rate) as target:
        seen, elapsed, cpu, _, _ = ingest(target)
    print(f"paced: {seen / elapsed:,.0f} flows/s one by one take {cpu / elapsed:.1%} of one core (aim 15 %)")


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def weigh(count: int = 100_000) -> None:
    """In a process of its own: what `count` kept flows add to it."""
    with server(count) as target:
        before = resident()
        _, _, _, store, _ = ingest(target)
        grown = resident() - before
    print(
        f"memory: {len(store):,} kept flows, raw bytes included: "
        f"{grown / 1e6:.0f} MB, {grown / len(store):,.0f} B each (aim 150 MB)"
    )


def main() -> None:
    if sys.argv[1:2] == ["--weigh"]:
        weigh()
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    compare(count, rounds)
    paced(1000, 8)
    subprocess.run([sys.executable, __file__, "--weigh"], check=True)


if __name__ == "__main__":
    main()
