"""One connection's flows as lines that a person can read, alike for recorded and simulated ones."""

from __future__ import annotations

import re
from typing import Any

Flow = dict[str, Any]
POLICIES = ("egress_allowed_by", "ingress_allowed_by", "egress_denied_by", "ingress_denied_by")
MATCHES = ("none", "L3", "L3/L4", "L4", "all", "L3/proto", "proto")
"""Names of policy_match_type."""
_EPHEMERAL = 30000


def story(flows: list[Flow]) -> str:
    """The flows of one connection in order of time, one line each.

    `node  event  direction  way  verdict  who[cluster id] > whom[cluster id]:port  match by policies  Summary`
    """
    return "\n".join(line(flow) for flow in sorted(flows, key=lambda f: str(f["time"])))


def line(flow: Flow) -> str:
    """One flow; `-` where the real one leaves a field empty."""
    (_, layer), *_ = flow["l4"].items()
    ports = (layer["source_port"], layer["destination_port"])
    parties = " > ".join(
        who(flow[side]) + (f":{port}" if port < _EPHEMERAL else "")
        for side, port in zip(("source", "destination"), ports, strict=True)
    )
    words = [
        flow["node_name"].partition("/")[0],
        event(flow),
        flow.get("traffic_direction", "-").lower(),
        {None: "-", True: "reply", False: "request"}[flow.get("is_reply")],
        verdict(flow),
        parties,
        *decided_by(flow),
        flow["Summary"],
    ]
    return "  ".join(words)


def event(flow: Flow) -> str:
    """The event's type, and for a trace where it was seen."""
    kind = flow["event_type"]["type"]
    if kind == 4:
        return str(flow["trace_observation_point"]).lower().replace("_", "-")
    return {1: "drop", 5: "policy-verdict", 129: "l7"}[kind]


def verdict(flow: Flow) -> str:
    """The verdict, with the reason of a drop."""
    reason = flow.get("drop_reason_desc", "")
    return f"{flow['verdict']} {reason}".strip()


def who(endpoint: Flow) -> str:
    """A party without its pod's random letters, and the cluster id in its identity's high bits."""
    name = re.sub(r"-[0-9a-f]{9,10}-[a-z0-9]{5}$", "", endpoint.get("pod_name", ""))
    label = name or endpoint["labels"][0].removeprefix("reserved:")
    return f"{label}[{endpoint['identity'] >> 16}]" if name else label


def decided_by(flow: Flow) -> list[str]:
    """For a policy verdict: what matched, and the policies that the real one names."""
    if flow["event_type"]["type"] != 5:
        return []
    names = [p.get("name") or "-" for key in POLICIES for p in flow.get(key, ())]
    return [f"{MATCHES[flow.get('policy_match_type', 0)]} by {', '.join(names) or 'nobody named'}"]
