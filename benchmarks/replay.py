"""How fast a file of flows is read, beside protobuf's own reading of the same lines: microseconds of CPU a line.

    .venv/bin/python benchmarks/replay.py [FILE]

Without FILE, every recorded step of the tests. Both in one run, five times in turn; medians.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from google.protobuf import json_format

from meshtui.core.flows.flow import FlowRow
from meshtui.hubble.jsonlines import JsonLines
from meshtui.hubble.pb import observer_pb2
from meshtui.mesh.flows.replay import opened

RECORDINGS = Path(__file__).parent.parent / "tests" / "recordings"
ROUNDS = 5
CHUNK = 1 << 18


def by_protobuf(data: bytes) -> int:
    """A bare loop that throws the messages away."""
    lines = data.splitlines()
    for line in lines:
        json_format.Parse(line, observer_pb2.GetFlowsResponse())
    return len(lines)


def by_us(data: bytes) -> int:
    """As a replay does: bytes as the file gives them in, rows out, kept."""
    reader, rows = JsonLines("benchmark"), []
    for start in range(0, len(data), CHUNK):
        rows += reader.feed(data[start : start + CHUNK])
    rows += reader.finish()
    return sum(isinstance(row, FlowRow) for row in rows)


def cpu(read: Callable[[bytes], int], data: bytes) -> float:
    """Microseconds of CPU a line."""
    began = time.process_time()
    count = read(data)
    return (time.process_time() - began) / count * 1e6


def main() -> None:
    """Print both and the ratio."""
    files = [Path(name) for name in sys.argv[1:]] or sorted(RECORDINGS.glob("*/flows.jsonl.gz"))
    data = b"".join(opened(file).read() for file in files)
    if by_protobuf(data) != by_us(data):
        sys.exit("not every line is a flow: compare on a file of flows alone")
    rounds = [(cpu(by_protobuf, data), cpu(by_us, data)) for _ in range(ROUNDS)]
    theirs, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    lines = data.count(b"\n")
    print(f"{lines} lines of {len(data) / lines:.0f} bytes")
    print(f"json_format.Parse, discarded: {theirs:6.1f} µs a line")
    print(f"meshtui, to rows kept:        {ours:6.1f} µs a line, {theirs / ours:.1f} times faster")


if __name__ == "__main__":
    main()
