"""Asks one agent, by exec of `hubble status`, how many flows it has seen, and which was the newest then."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf import json_format

from meshtui.cilium.agents import CONTAINER
from meshtui.cilium.place import namespace_of
from meshtui.core.flows.account.account import Reading
from meshtui.core.flows.flow import FlowRow
from meshtui.hubble.jsonlines import JsonLines
from meshtui.hubble.pb import observer_pb2
from meshtui.kube.api import Api
from meshtui.kube.exec import run

_NEWEST = "hubble observe --last 1 --output jsonpb"
SCRIPT = f"{_NEWEST}; echo --; hubble status --output json; echo --; {_NEWEST}"
"""One exec, so that little happens between the three answers."""


async def read_count(api: Api, pod: str, now_ns: Callable[[], int]) -> list[Reading]:
    """The agent's reading; none when it does not say. Raises what exec does."""
    at_ns = now_ns()
    result = await run(api, await namespace_of(api), pod, ["sh", "-c", SCRIPT], container=CONTAINER)
    return reading_of(result.stdout, at_ns)


def reading_of(answer: bytes, at_ns: int) -> list[Reading]:
    """What SCRIPT has printed; nothing of an answer that is not whole."""
    parts = (b"\n" + answer).split(b"\n--\n")
    if len(parts) != 3:
        return []
    before, after = _newest(parts[0]), _newest(parts[2])
    status = observer_pb2.ServerStatusResponse()
    try:
        json_format.Parse(parts[1], status, ignore_unknown_fields=True)
    except json_format.ParseError:
        return []
    if before is None or after is None or before.node != after.node:
        return []
    return [Reading(before.node, at_ns, status.seen_flows, status.uptime_ns, before.time_ns, after.time_ns)]


def _newest(lines: bytes) -> FlowRow | None:
    reader = JsonLines("")
    rows = [item for item in [*reader.feed(lines), *reader.finish()] if isinstance(item, FlowRow)]
    return max(rows, key=lambda row: row.time_ns, default=None)
