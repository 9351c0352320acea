"""The compact line is the hubble CLI's, character by character."""

from collections import Counter

import pytest

from meshtui.core.flows.compact import Form, compact_line, flow_type
from meshtui.core.flows.flow import FlowExtra, Peer, PolicyRef
from tests.core import printed
from tests.core.flowrows import WORLD, recorded, row
from tests.core.printed import FACTS, as_printed


@pytest.mark.parametrize("step", FACTS)
def test_every_recorded_flow_prints_as_the_cli_printed_it(step: str) -> None:
    found = printed.recorded(step)
    ours = [compact_line(r) for r in recorded(step)]
    assert ours == [as_printed(flow) for flow in found.flows]
    assert not Counter(ours) - Counter(found.printed)
    assert len(ours) == FACTS[step].flows


def test_a_denied_packet_is_two_lines() -> None:
    verdict = row(event_type=5, sub_type=0)
    where = "default/x-wing-689bd74994-8wv5f:35072 (ID:98328) <> default/rebel-base-5b79ffc867-jqgrf:80 (ID:150506)"
    assert compact_line(verdict) == (f"Nov 14 22:13:20.000: {where} policy-verdict:none EGRESS DENIED (TCP Flags: SYN)")
    assert compact_line(row()) == f"Nov 14 22:13:20.000: {where} Policy denied DROPPED (TCP Flags: SYN)"


def test_a_reply_reads_client_to_server() -> None:
    line = compact_line(row(is_reply=True, event_type=4, sub_type=0, verdict=1), Form(node=True))
    assert line.startswith("Nov 14 22:13:20.000 [koornacht/koornacht-control-plane]: default/rebel-base-")
    assert " <- default/x-wing-689bd74994-8wv5f:35072 (ID:98328) to-endpoint FORWARDED " in line


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"source": WORLD, "source_names": ("a.example", "b.example")}, "a.example,b.example:35072 (world) <>"),
        ({"source": WORLD, "source_ip": "fd00::1"}, ": [fd00::1]:35072 (world)"),
        ({"source_service": "kube-system/kube-dns", "source": Peer(0)}, "kube-system/kube-dns:35072 (unknown)"),
        ({"source_ip": "", "destination_ip": "", "extra": FlowExtra("aa:bb", "cc:dd")}, ": aa:bb (ID:98328) <> cc:dd"),
        ({"extra": FlowExtra(auth_type=1, ip_trace_id=7)}, "(IP Trace ID: 7; TCP Flags: SYN; Auth: SPIRE)"),
        ({"sub_type": 181}, "Policy denied by denylist DROPPED"),
        ({"sub_type": 251}, " 251 DROPPED"),
        ({"verdict": 99}, " 99 (TCP"),
        ({"time_ns": 1 << 70}, "N/A: "),
    ],
)
def test_hosts_reasons_and_oddities(fields: dict[str, object], expected: str) -> None:
    assert expected in compact_line(row(**fields))


def test_policy_names_only_of_those_that_have_one() -> None:
    allowed = (PolicyRef("egress", "default", "CiliumNetworkPolicy"), PolicyRef("", "", "", ("reserved:x",)))
    line = compact_line(row(event_type=5, verdict=1, allowed_by=allowed), Form(policies=True))
    assert "EGRESS ALLOWED BY egress (CiliumNetworkPolicy) (TCP" in line


def test_control_characters_are_made_visible() -> None:
    line = compact_line(row(summary="\x1b[2J\u202eevil\n", source=Peer(1, "", "", "p\x07od")))
    assert line.isprintable()
    assert "\x1b" not in line


def test_types_nobody_has_seen() -> None:
    assert flow_type(row(event_type=4, sub_type=77)) == "77"
    assert flow_type(row(event_type=7, extra=FlowExtra(xlate_point=2))) == "post-xlate-fwd"
    assert flow_type(row(event_type=200)) == "UNKNOWN"
    assert flow_type(row(event_type=5, match_type=99, direction=9)) == "policy-verdict:unknown 9"
