"""`hubble observe` and `hubble status` in a simulated agent: the node's own ring, as the CLI there reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format

from meshtui.hubble.pb import flow_pb2, observer_pb2
from meshtui.sim.builds import build
from meshtui.sim.datapath.emit import ring_of
from meshtui.sim.datapath.view import view
from meshtui.sim.relay.encode import Encoder
from meshtui.sim.relay.filters import BadFilter, FlowMatcher
from meshtui.sim.relay.ring import Event, Lost, Ring
from meshtui.sim.relay.server import rate
from meshtui.sim.relay.stream import Behind, history
from meshtui.sim.shell.process import Shell

POLL = 0.1
"""Seconds between two looks at the ring."""
SOCKET = "unix:///var/run/cilium/hubble.sock"
_LAST = 20
_ALL = (1 << 64) - 1
_WITH_VALUE = ("-o", "--output", "--last", "--first", "--since", "--until", "--server", "--allowlist", "--denylist")
_AGO = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Unusable(Exception):
    """What the CLI says before it exits with 1."""


@dataclass
class _Asked:
    follow: bool = False
    last: int | None = None
    first: int | None = None
    since: int | None = None
    until: int | None = None
    output: str = "compact"
    allow: list[flow_pb2.FlowFilter] = field(default_factory=list)
    deny: list[flow_pb2.FlowFilter] = field(default_factory=list)


async def hubble(shell: Shell, argv: list[str]) -> int:
    """`observe`, always as lines of JSON, and `status`."""
    try:
        await _awake(shell)
        asked = _parse(argv[2:], shell.box.world.clock.now())
        if argv[1:2] == ["observe"]:
            return await _observe(shell, FlowMatcher(asked.allow, asked.deny), asked)
        if argv[1:2] == ["status"]:
            return await _status(shell, asked)
        raise Unusable(f'unknown command "{" ".join(argv[1:2])}" for "hubble"')
    except (ValueError, BadFilter, Unusable, json_format.ParseError) as error:
        await shell.err(f"Error: {error}\n")
        return 1


async def _awake(shell: Shell) -> None:
    """Wait while the agent is stopped: it takes connections and says nothing."""
    world, node = shell.box.world, str(shell.box.pod.get("spec", {}).get("nodeName", ""))
    while world.faults.agent_stopped(shell.box.cluster.name, node):
        await world.clock.sleep(POLL)


def _ring(shell: Shell) -> Ring:
    """The ring of the agent in this container. Raises Unusable when it does not answer."""
    world, cluster = shell.box.world, shell.box.cluster
    node = str(shell.box.pod.get("spec", {}).get("nodeName", ""))
    if not node or world.faults.agent_down(cluster.name, node):
        raise Unusable(f"failed to connect to '{SOCKET}': connect: no such file or directory")
    return ring_of(cluster, node)


async def _observe(shell: Shell, matcher: FlowMatcher, asked: _Asked) -> int:
    ring = _ring(shell)
    request = _request(asked)
    events, position = history(ring, request, matcher)
    encoder = Encoder(())
    behind = Behind()
    for event in events:
        if asked.until is not None and not asked.follow and event.time_ns > asked.until:
            return 0
        await shell.out(_line(encoder, event, ring.node))
    while asked.follow:
        await shell.box.world.clock.sleep(POLL)
        await _awake(shell)
        if _ring(shell) is not ring:
            raise Unusable("rpc error: code = Unavailable desc = error reading from server: EOF")
        events, position, missed = ring.after(position)
        for event in _with_losses(events, missed, behind, shell.box.world.clock.monotonic()):
            if matcher.matches(event):
                await shell.out(_line(encoder, event, ring.node))
    return 0


def _request(asked: _Asked) -> observer_pb2.GetFlowsRequest:
    """What the CLI asks for: 20 flows, but where it is told from when, how many, or to follow."""
    bounded = asked.follow or asked.since is not None or asked.until is not None
    wanted = asked.first if asked.first is not None else asked.last
    number = (0 if bounded else _LAST) if wanted is None else min(wanted, _ALL)
    request = observer_pb2.GetFlowsRequest(number=number, follow=asked.follow, first=asked.first is not None)
    if asked.since is not None:
        request.since.FromNanoseconds(asked.since)
    return request


def _with_losses(events: list[Event], missed: int, behind: Behind, now: float) -> Iterator[Event]:
    """What was read, after what was overwritten before it could be."""
    if missed and events:
        behind.miss(missed, events[0].time_ns)
    lost = behind.tell(now)
    if lost is not None:
        yield Event(lost.last_ns, Lost(lost.source, lost.count, lost.first_ns, lost.last_ns))
    yield from events


async def _status(shell: Shell, asked: _Asked) -> int:
    ring = _ring(shell)
    kept, capacity, speed = len(ring), ring.capacity, rate(ring)
    if asked.output in ("json", "jsonpb"):
        answer = observer_pb2.ServerStatusResponse(
            num_flows=kept,
            max_flows=capacity,
            seen_flows=ring.flows,
            uptime_ns=max(0, int((shell.box.world.clock.monotonic() - ring.started) * 1e9)),
            version=build(view(shell.box.cluster).version).hubble("cilium"),
            flows_rate=speed,
        )
        await shell.out(json_format.MessageToJson(answer, preserving_proto_field_name=True, indent=None) + "\n")
        return 0
    await shell.out(f"Healthcheck (via {SOCKET}): Ok\n")
    await shell.out(f"Current/Max Flows: {kept:,}/{capacity:,} ({kept / capacity:.2%})\nFlows/s: {speed:.2f}\n")
    return 0


def _line(encoder: Encoder, event: Event, node: str) -> str:
    message: Any = observer_pb2.GetFlowsResponse.FromString(encoder.encode(event, node))
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None) + "\n"


def _parse(words: list[str], now: float) -> _Asked:
    asked = _Asked()
    rest = list(words)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in _WITH_VALUE and not equals:
            value = rest.pop(0) if rest else ""
        if name in ("-f", "--follow"):
            asked.follow = True
        elif name == "--all":
            asked.last = _ALL
        elif name in ("-o", "--output"):
            asked.output = value
        elif name in ("--last", "--first"):
            setattr(asked, name[2:], int(value))
        elif name in ("--since", "--until"):
            setattr(asked, name[2:], _time(value, now))
        elif name in ("--allowlist", "--denylist"):
            wanted = json_format.Parse(value, flow_pb2.FlowFilter())
            (asked.allow if name == "--allowlist" else asked.deny).append(wanted)
    if asked.first is not None and (asked.last is not None or asked.follow):
        raise Unusable("if any flags in the group [first last follow] are set none of the others can be")
    return asked


def _time(text: str, now: float) -> int:
    """Nanoseconds of `3s`, `1h43m` (ago) or an RFC 3339 time. Raises ValueError."""
    if text and not _AGO.sub("", text):
        ago = sum(float(number) * _UNITS[unit] for number, unit in _AGO.findall(text))
        return int((now - ago) * 1e9)
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000) * 1_000
