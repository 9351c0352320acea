"""Rows for tests: made by hand, or read from the recordings."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any

from meshtui.core.flows.flow import FlowRow, Peer
from meshtui.hubble import jsonlines

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
X_WING = Peer(
    98328, "koornacht", "default", "x-wing-689bd74994-8wv5f", "x-wing", ("k8s:name=x-wing", "k8s:team=rebels")
)
REBEL_BASE = Peer(150506, "tion", "default", "rebel-base-5b79ffc867-jqgrf", "", ("k8s:name=rebel-base",))
WORLD = Peer(2, "", "", "", "", ("reserved:world",))
SECOND = 1_000_000_000


def row(**fields: Any) -> FlowRow:
    """A dropped SYN from Koornacht's x-wing to Tion's rebel-base, with `fields` changed."""
    given: dict[str, Any] = {
        "time_ns": 1_700_000_000 * SECOND,
        "uuid": "",
        "node": "koornacht/koornacht-control-plane",
        "verdict": 2,
        "event_type": 1,
        "sub_type": 133,
        "direction": 2,
        "is_reply": None,
        "source": X_WING,
        "destination": REBEL_BASE,
        "source_ip": "10.1.0.27",
        "destination_ip": "10.2.0.4",
        "protocol": "TCP",
        "source_port": 35072,
        "destination_port": 80,
        "flags": "SYN",
        "summary": "TCP Flags: SYN",
        "drop_reason": 133,
    }
    return FlowRow(**(given | fields))


@cache
def recorded(step: str) -> list[FlowRow]:
    """The recorded flows of a step, as far as they are kept here."""
    with gzip.open(RECORDINGS / step / "flows.jsonl.gz", "rb") as file:
        items = list(jsonlines.read(file, "kind-koornacht"))
    rows = [item for item in items if isinstance(item, FlowRow)]
    assert len(rows) == len(items)
    return rows
