"""One flow as text to take away: the CLI's line, its JSON, and the command that shows it and its like."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from meshtui.core.flows.compact import compact_line
from meshtui.core.flows.flow import FlowRow, Peer


def as_compact(row: FlowRow) -> str:
    """The line `hubble observe` prints."""
    return compact_line(row)


def as_json(row: FlowRow) -> str:
    """The line `hubble observe -o jsonpb` writes; empty when the flow's bytes were not kept."""
    from meshtui.hubble.jsonlines import as_line

    return as_line(row) if row.raw else ""


def as_command(row: FlowRow) -> str:
    """`hubble observe` with what tells this flow and its like from others."""
    words = ["hubble", "observe", "--last", "100"]
    for side, peer, ip in (("from", row.source, row.source_ip), ("to", row.destination, row.destination_ip)):
        words += _side(side, peer, ip)
    port = row.source_port if row.is_reply else row.destination_port
    if port:
        words += ["--from-port" if row.is_reply else "--to-port", str(port)]
    if row.protocol:
        words += ["--protocol", row.protocol.lower()]
    if row.node:
        words += ["--node-name", row.node]
    return " ".join(shlex.quote(word) for word in words)


def _side(side: str, peer: Peer, ip: str) -> list[str]:
    if peer.pod:
        found = [f"--{side}-pod", f"{peer.namespace}/{peer.pod}" if peer.namespace else peer.pod]
        return [*found, f"--{side}-cluster", peer.cluster] if peer.cluster else found
    return [f"--{side}-ip", ip] if ip else []


def searchable(row: FlowRow) -> str:
    """What a search looks at: the compact line, the node and both clusters, in lower case."""
    return f"{compact_line(row)} {row.node} {row.source.cluster} {row.destination.cluster}".lower()


def write_jsonl(path: Path, rows: Sequence[FlowRow]) -> int:
    """Write flows as `hubble observe -o jsonpb` does; returns how many. Never overwrites. Raises OSError."""
    from meshtui.hubble.jsonlines import as_line

    written = 0
    with path.expanduser().open("x", encoding="utf-8") as file:
        for row in rows:
            if row.raw:
                file.write(as_line(row) + "\n")
                written += 1
    return written
