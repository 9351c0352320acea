"""The dict, table and coloured forms, by the expectations of hubble's own printer tests."""

from __future__ import annotations

from collections import Counter

import pytest

from meshtui.core.flows.compact import Form, compact_line
from meshtui.core.flows.flow import FlowExtra, FlowRow, Peer, PolicyRef
from meshtui.core.flows.forms import dict_lines, table_lines
from tests.core.flowrows import recorded, row

NODE = Form(node=True)


def theirs(**fields: object) -> FlowRow:
    """The flow of hubble/pkg/printer/printer_test.go."""
    given: dict[str, object] = {
        "time_ns": 1_234_567_800_000,
        "node": "k8s1",
        "is_reply": False,
        "source": Peer(4),
        "destination": Peer(12345),
        "source_ip": "1.1.1.1",
        "destination_ip": "2.2.2.2",
        "source_port": 31793,
        "destination_port": 8080,
        "drop_reason": 0,
        "direction": 0,
    }
    return row(**(given | fields))


def test_a_table() -> None:
    assert table_lines([theirs()], Form()) == [
        "TIMESTAMP             SOURCE          DESTINATION    TYPE            VERDICT   SUMMARY",
        "Jan  1 00:20:34.567   1.1.1.1:31793   2.2.2.2:8080   Policy denied   DROPPED   TCP Flags: SYN",
    ]
    assert table_lines([theirs()], NODE) == [
        "TIMESTAMP             NODE   SOURCE          DESTINATION    TYPE            VERDICT   SUMMARY",
        "Jan  1 00:20:34.567   k8s1   1.1.1.1:31793   2.2.2.2:8080   Policy denied   DROPPED   TCP Flags: SYN",
    ]
    assert table_lines([], NODE) == []


def test_a_tables_columns_are_as_wide_as_their_widest_cell_and_three() -> None:
    first, second, third = table_lines([theirs(), theirs(source_ip="", destination_ip="", summary="")], Form())
    assert first.index("DESTINATION") == second.index("2.2.2.2") == len("Jan  1 00:20:34.567   1.1.1.1:31793   ")
    # No address at all: MAC addresses, and there are none. The summary is the last cell: it has no blanks after it.
    assert third == "Jan  1 00:20:34.567" + " " * 34 + "Policy denied   DROPPED   "


def test_a_dict() -> None:
    assert dict_lines(theirs(), Form()) == [
        "  TIMESTAMP: Jan  1 00:20:34.567",
        "     SOURCE: 1.1.1.1:31793",
        "DESTINATION: 2.2.2.2:8080",
        "       TYPE: Policy denied",
        "    VERDICT: DROPPED",
        "    SUMMARY: TCP Flags: SYN",
    ]
    assert dict_lines(theirs(), NODE)[1] == "       NODE: k8s1"


def test_only_the_compact_line_turns_replies_round() -> None:
    reply = theirs(is_reply=True)
    assert compact_line(reply, NODE) == (
        "Jan  1 00:20:34.567 [k8s1]: 2.2.2.2:8080 (ID:12345) <- 1.1.1.1:31793 (health) "
        "Policy denied DROPPED (TCP Flags: SYN)"
    )
    assert dict_lines(reply, Form())[1] == "     SOURCE: 1.1.1.1:31793"
    assert "1.1.1.1:31793   2.2.2.2:8080" in table_lines([reply], Form())[1]


def paint(role: str, text: str) -> str:
    codes = {"host": 36, "port": 33, "identity": 35, "dropped": 31, "forwarded": 32, "auth": 32}
    return f"\x1b[{codes[role]}m{text}\x1b[0m"


def test_colours() -> None:
    flow = theirs(summary="topic '\x1b[30mblack\x1b[0m\r'")
    assert compact_line(flow, Form(paint=paint)) == (
        "Jan  1 00:20:34.567: \x1b[36m1.1.1.1:\x1b[33m31793\x1b[0m\x1b[0m \x1b[35m(health)\x1b[0m -> "
        "\x1b[36m2.2.2.2:\x1b[33m8080\x1b[0m\x1b[0m \x1b[35m(ID:12345)\x1b[0m "
        "Policy denied \x1b[31mDROPPED\x1b[0m (topic '\\e[30mblack\\e[0m\\r')"
    )
    assert dict_lines(flow, Form(paint=paint))[3:5] == [
        "       TYPE: Policy denied",
        "    VERDICT: \x1b[31mDROPPED\x1b[0m",
    ]
    assert compact_line(theirs(extra=FlowExtra(auth_type=1)), Form(paint=paint)).endswith(
        "; Auth: \x1b[32mSPIRE\x1b[0m)"
    )


EVIL = "\x1b[2Jevil\u202e\n"


@pytest.mark.parametrize("colours", [None, paint])
def test_hostile_names_are_made_visible_in_every_form(colours: object) -> None:
    policy = PolicyRef(EVIL, "", EVIL)
    flow = theirs(
        node=EVIL, source=Peer(1, EVIL, EVIL, EVIL), destination=Peer(1, EVIL), destination_names=(EVIL,),
        event_type=5, verdict=1, allowed_by=(policy,), summary=EVIL, source_service=f"{EVIL}/{EVIL}",
    )  # fmt: skip
    form = Form(node=True, policies=True, clusters=True, paint=colours)
    for text in ("\n".join([compact_line(flow, form), *dict_lines(flow, form)]), *table_lines([flow], Form(node=True))):
        assert "[2J" in text or text.startswith("TIMESTAMP")
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
    assert len(dict_lines(flow, form)) == 8


def test_time_formats_addresses_policies_and_clusters_are_in_all_forms() -> None:
    allowed = (PolicyRef("egress", "default", "CiliumNetworkPolicy"),)
    flow = row(event_type=5, verdict=1, allowed_by=allowed)
    form = Form(numeric=True, policies=True, clusters=True, time="RFC3339Milli")
    for text in (compact_line(flow, form), "\n".join(dict_lines(flow, form)), table_lines([flow], form)[1]):
        assert "2023-11-14T22:13:20Z" in text
        assert "10.1.0.27:35072" in text
        assert "x-wing" not in text
        assert "ALLOWED BY egress (CiliumNetworkPolicy)" in text
        assert "koornacht → tion, seen by koornacht/koornacht-control-plane" in text


def test_the_forms_of_recorded_flows_hold_what_the_compact_line_does() -> None:
    """The same words in the same flow: the compact line is held against the CLI's own elsewhere."""
    rows = recorded("10-default-deny")[:400]
    _, *lines = table_lines(rows, Form())
    for flow, line in zip(rows, lines, strict=True):
        values = [text.split(": ", 1)[1] for text in dict_lines(flow, Form())]
        assert Counter(line.split()) == Counter(" ".join(values).split())
        compact = compact_line(flow)
        assert all(value in compact for value in values)
