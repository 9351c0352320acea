"""`hubble observe` in a simulated agent: the node's own ring as JSON lines, followed if asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format

from meshtui.hubble.pb import flow_pb2, observer_pb2
from meshtui.sim.relay.encode import Encoder
from meshtui.sim.relay.filters import BadFilter, FlowMatcher
from meshtui.sim.relay.ring import Event, Ring
from meshtui.sim.shell.process import Shell

POLL = 0.1
"""Seconds between two looks at the ring."""
_LAST = 20
_WITH_VALUE = ("-o", "--output", "--last", "--since", "--until", "--server", "--allowlist", "--denylist")


@dataclass
class _Asked:
    follow: bool = False
    last: int | None = None
    allow: list[flow_pb2.FlowFilter] = field(default_factory=list)
    deny: list[flow_pb2.FlowFilter] = field(default_factory=list)


async def hubble(shell: Shell, argv: list[str]) -> int:
    """`observe`, with -f, --last, --allowlist and --denylist; whatever -o says, lines of JSON."""
    if argv[1:2] != ["observe"]:
        await shell.err('Error: unknown command for "hubble"\n')
        return 1
    try:
        asked = _parse(argv[2:])
        matcher = FlowMatcher(asked.allow, asked.deny)
    except (ValueError, BadFilter, json_format.ParseError) as error:
        await shell.err(f"Error: {error}\n")
        return 1
    ring: Ring | None = shell.box.cluster.rings.get(str(shell.box.pod.get("spec", {}).get("nodeName", "")))
    if ring is None:
        await shell.err("Error: failed to connect to 'unix:///var/run/cilium/hubble.sock'\n")
        return 1
    return await _observe(shell, ring, matcher, asked)


async def _observe(shell: Shell, ring: Ring, matcher: FlowMatcher, asked: _Asked) -> int:
    events, position = ring.all()
    past = [event for event in events if matcher.matches(event)]
    wanted = asked.last if asked.last is not None else (0 if asked.follow else _LAST)
    encoder = Encoder(())
    for event in past[-wanted:] if wanted else []:
        await shell.out(_line(encoder, event, ring.node))
    while asked.follow:
        await shell.box.world.clock.sleep(POLL)
        events, position, _ = ring.after(position)
        for event in events:
            if matcher.matches(event):
                await shell.out(_line(encoder, event, ring.node))
    return 0


def _line(encoder: Encoder, event: Event, node: str) -> str:
    message: Any = observer_pb2.GetFlowsResponse.FromString(encoder.encode(event, node))
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None) + "\n"


def _parse(words: list[str]) -> _Asked:
    asked = _Asked()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in _WITH_VALUE and not equals:
            value = rest.pop(0) if rest else ""
        if name in ("-f", "--follow"):
            asked.follow = True
        elif name == "--last":
            asked.last = int(value)
        elif name in ("--allowlist", "--denylist"):
            wanted = json_format.Parse(value, flow_pb2.FlowFilter())
            (asked.allow if name == "--allowlist" else asked.deny).append(wanted)
    return asked
