"""What an agent's container prints about its count, whole and in pieces."""

import json

import pytest

from meshtui.core.flows.account.account import Reading
from meshtui.mesh.flows.agentcounts import reading_of

FLOW = (
    '{"flow":{"time":"2026-11-23T19:36:28.5Z","node_name":"tion/t1","verdict":"FORWARDED"},'
    '"node_name":"tion/t1","time":"2026-11-23T19:36:28.5Z"}'
)
LATER = FLOW.replace("28.5Z", "29Z")
LOST = '{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"3"},"node_name":"tion/t1"}'
STATUS = {"num_flows": "4095", "max_flows": "4095", "seen_flows": "61570", "uptime_ns": "99", "flows_rate": 30.5}
AT = 1_795_462_588_500_000_000


def printed(before: str, status: str, after: str) -> bytes:
    return f"{before}\n--\n{status}\n--\n{after}\n".encode()


@pytest.mark.parametrize("indent", [None, 2])
def test_an_answer_is_read_however_the_status_is_laid_out(indent: int | None) -> None:
    told = printed(FLOW, json.dumps({**STATUS, "of_tomorrow": 1}, indent=indent), f"{LOST}\n{LATER}")
    assert reading_of(told, 5) == [Reading("tion/t1", 5, 61570, 99, AT, AT + 500_000_000)]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"sh: hubble: not found\n--\n--\n",
        printed(FLOW, "Error: failed to connect", LATER),
        printed("", json.dumps(STATUS), ""),
        printed(FLOW, json.dumps(STATUS), LATER.replace("tion/t1", "tion/t2")),
        printed(FLOW, json.dumps(STATUS), LATER)[:200],
        printed(FLOW, '{"seen_flows": "many"}', LATER),
    ],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    assert reading_of(answer, 5) == []
