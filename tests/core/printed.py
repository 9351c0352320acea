"""What the hubble CLI printed of every recorded step, flow by flow: which line of `flows.compact.txt` is whose."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
_STAMP = len("Nov 23 19:36:28.357")
_MATCHES = {0: "none", 1: "L3-Only", 2: "L3-L4"}
_HOSTS = {"koornacht/koornacht-control-plane": "10.1.0.", "tion/tion-control-plane": "10.2.0."}
_HOST = 1
_NANOSECONDS = 9

Flow = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """How a step's two recordings differ: they are two calls of the CLI, one after the other, on a Relay."""

    flows: int
    """Lines of `flows.jsonl`."""
    beyond: int
    """Lines printed of flows that came after the last one in `flows.jsonl`; each flow of it has one line besides."""
    out_of_order: int
    """Lines (without those beyond) not where their millisecond puts them: the Relay sorts a short buffer only."""
    within_ms: int
    """Lines that differ from the order by nanosecond once they are in the order by millisecond."""


FACTS = {
    "3-deployed": Facts(265, 19, 0, 0),
    "4-global": Facts(387, 1, 12, 10),
    "5-tion-shared-false": Facts(310, 0, 130, 21),
    "6-affinity-local": Facts(359, 0, 0, 0),
    "7-failover-local-0": Facts(322, 0, 0, 0),
    "8-affinity-remote": Facts(435, 0, 0, 0),
    "9-no-affinity": Facts(364, 0, 126, 44),
    "10-default-deny": Facts(1744, 0, 1465, 3),
    "11-egress-allowed": Facts(1756, 0, 786, 0),
    "12-ingress-koornacht": Facts(1554, 0, 446, 0),
    "13-ingress-tion": Facts(1554, 15, 1319, 0),
    "14-egress-any-cluster": Facts(1139, 16, 648, 33),
    "16-link-restored": Facts(1186, 9, 194, 0),
}
"""Every step whose flows were recorded; of step 15, the cut link, there are none."""


@dataclass(frozen=True)
class Recorded:
    """One step."""

    flows: Sequence[Flow]
    """In the file's order."""
    printed: Sequence[str]
    """In the file's order."""

    @property
    def ordered(self) -> list[Flow]:
        """The flows in order of time."""
        return sorted(self.flows, key=time_ns)

    @property
    def beyond(self) -> Counter[str]:
        """Lines printed that are of no flow of the file."""
        return Counter(self.printed) - Counter(map(as_printed, self.flows))

    @property
    def common(self) -> list[str]:
        """Lines printed of the file's flows, in the order they were printed."""
        beyond, kept = self.beyond, []
        for line in reversed(self.printed):
            if beyond[line]:
                beyond[line] -= 1
            else:
                kept.append(line)
        return kept[::-1]


@cache
def recorded(step: str) -> Recorded:
    """What was recorded of a step."""
    with gzip.open(RECORDINGS / step / "flows.jsonl.gz", "rt") as file:
        flows = [json.loads(line)["flow"] for line in file]
    with gzip.open(RECORDINGS / step / "flows.compact.txt.gz", "rt") as file:
        return Recorded(flows, file.read().splitlines())


def stamp(line: str) -> str:
    """A printed line's time; all recordings are of one day."""
    return line[:_STAMP]


def time_ns(flow: Flow) -> int:
    """Nanoseconds since the epoch."""
    seconds, _, fraction = flow["time"].removesuffix("Z").partition(".")
    whole = int(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    return whole * 10**_NANOSECONDS + int(fraction.ljust(_NANOSECONDS, "0"))


def as_printed(flow: Flow) -> str:
    """The line of one recorded flow, put together from its JSON by what is in these recordings alone.

    Written apart from meshtui's own code: it says which line of the file belongs to which flow.
    """
    time = datetime.fromisoformat(flow["time"][:19])
    fraction = flow["time"].removesuffix("Z").partition(".")[2].ljust(_NANOSECONDS, "0")
    left, right = (_side(flow, side) for side in ("source", "destination"))
    reply = flow.get("is_reply")
    if reply:
        left, right = right, left
    arrow = {None: "<>", True: "<-", False: "->"}[reply]
    return f"{time:%b %d %H:%M:%S}.{fraction[:3]}: {left} {arrow} {right} {_what(flow)} ({flow['Summary']})"


def _side(flow: Flow, side: str) -> str:
    peer = flow[side]
    ports = next(iter(flow["l4"].values()))
    name = f"{peer['namespace']}/{peer['pod_name']}" if "pod_name" in peer else flow["IP"][side]
    number = "host" if peer["identity"] == _HOST else f"ID:{peer['identity']}"
    return f"{name}:{ports[f'{side}_port']} ({number})"


def _what(flow: Flow) -> str:
    if "l7" in flow:
        return f"dns-{flow['l7']['type'].lower()} {flow['l7']['dns']['observation_source']} {flow['verdict']}"
    if point := flow.get("trace_observation_point"):
        return f"{point.lower().replace('_', '-')} {flow['verdict']}"
    if flow["event_type"]["type"] == 1:
        return {"POLICY_DENIED": "Policy denied DROPPED"}[flow["drop_reason_desc"]]
    verdict = {"FORWARDED": "ALLOWED", "REDIRECTED": "ALLOWED", "DROPPED": "DENIED"}[flow["verdict"]]
    match = _MATCHES[flow.get("policy_match_type", 0)]
    return f"policy-verdict:{match} {flow['traffic_direction']} {verdict}"


def last_seen(flows: Sequence[Flow]) -> dict[str, str]:
    """Stamp of the last flow each node saw, by the first bytes of its host's own address."""
    return {_HOSTS[node]: stamp(as_printed(_last(flows, node))) for node in {flow["node_name"] for flow in flows}}


def _last(flows: Sequence[Flow], node: str) -> Flow:
    return max((flow for flow in flows if flow["node_name"] == node), key=time_ns)
