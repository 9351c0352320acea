"""Every recorded fault: its documents in, the stated cause and sentence out, and nothing else alarmed."""

from __future__ import annotations

import pytest

from meshtui.core.health.model import Cause, Judgement, Verdict
from meshtui.core.health.words import headline
from meshtui.core.model.severity import Severity
from tests.core.health import recorded
from tests.core.health.recorded import judged, moments

PAIR = "koornacht ⇄ tion"
NAMES = {"koornacht": "koornacht", "tion": "tion"}

EXPECTED: dict[str, tuple[dict[Cause, str], str]] = {
    "01-link-cut": ({Cause.LINK_CUT: PAIR}, "neither nodes nor pods answer"),
    "02-one-way-cut": ({Cause.ONE_WAY: PAIR}, "packets from koornacht do not arrive in tion"),
    "03-vxlan-only": ({Cause.OVERLAY_BLOCKED: PAIR}, "UDP 8472 (vxlan) is lost"),
    "04-control-plane-only": ({Cause.CONTROL_BLOCKED: PAIR}, "tion.mesh.cilium.io:32379 gives no answer"),
    "05-health-port-only": ({}, ""),
    "06-mtu": ({Cause.MTU: PAIR}, "small requests pass, large ones hang"),
    "07-slow": ({Cause.SLOW: PAIR}, "take 201 ms there and back"),
    "08-lossy": ({Cause.LOSSY: PAIR}, "lose packets between them"),
    "09-apiserver-gone": ({Cause.APISERVER_GONE: "tion/clustermesh-apiserver"}, "is scaled to 0"),
    "10-agent-stopped": ({Cause.AGENT_HUNG: "tion/tion-worker"}, "the agent on tion/tion-worker does not answer"),
    "11-node-down": ({Cause.NODE_DOWN: "tion/tion-worker"}, "node tion-worker of tion is down"),
    "12-api-frozen": ({Cause.API_GONE: "tion"}, "tion's API server does not answer"),
    "13-relay-gone": ({Cause.RELAY_GONE: "koornacht/hubble-relay"}, "koornacht has no Relay"),
    "14-wrong-address": ({Cause.WRONG_ADDRESS: "koornacht → tion"}, "172.18.0.99:32379 is no address of tion"),
    "15-wrong-ca": ({Cause.CERTIFICATE: PAIR}, "certificate signed by unknown authority"),
    "17-dns-gone": ({Cause.DNS_GONE: "koornacht/DNS"}, "names do not resolve in koornacht"),
    "18-not-ready": ({Cause.PODS_NOT_READY: "tion default/rebel-base"}, "none of tion's 2 pods"),
    "20a-link-cut-and-relay": (
        {Cause.LINK_CUT: PAIR, Cause.RELAY_GONE: "koornacht/hubble-relay"},
        "neither nodes nor pods answer",
    ),
}
CASES = [(fault, moment) for fault in EXPECTED for moment in moments(fault)]
BY_WORDS_ALONE = {"02-one-way-cut", "03-vxlan-only", "08-lossy", "20a-link-cut-and-relay"}
"""Faults that need flows to be told apart, at least in their first minute."""


def causes(judgement: Judgement) -> dict[Cause, str]:
    """What is alarming by itself, without what follows from it."""
    alarms = [t for t in judgement.troubles if t.because is None and t.severity is not Severity.INFO]
    assert len({t.key for t in alarms}) == len(alarms)
    return {trouble.cause: trouble.object for trouble in alarms}


def test_all_recorded_faults_are_expected() -> None:
    packed = {path.name.partition(".")[0] for path in recorded.RECORDINGS.glob("*.json.gz")}
    assert packed == EXPECTED.keys() | {"00-baseline"}


@pytest.mark.parametrize(("fault", "moment"), CASES)
def test_a_fault_is_called_by_its_cause_and_nothing_else_is(fault: str, moment: str) -> None:
    judgement = judged(fault, moment)
    expected, sentence = EXPECTED[fault]
    assert causes(judgement) == expected
    for trouble in judgement.troubles:
        assert trouble.since > 0 or trouble.severity is Severity.INFO
        assert trouble.command
        if trouble.cause in expected:
            assert trouble.evidence
            assert trouble.still
    first = [t for t in judgement.troubles if t.cause in expected]
    assert any(sentence in trouble.sentence for trouble in first) or not sentence


@pytest.mark.parametrize(("fault", "moment"), [case for case in CASES if case[0] not in BY_WORDS_ALONE])
def test_without_flows_the_same_is_said(fault: str, moment: str) -> None:
    assert causes(judged(fault, moment, flows=False)) == EXPECTED[fault][0]


def test_a_one_way_cut_is_a_cut_to_who_sees_no_flows() -> None:
    assert causes(judged("02-one-way-cut", "+60", flows=False)) == {Cause.LINK_CUT: PAIR}


@pytest.mark.parametrize(
    ("fault", "moment", "koornacht", "tion"),
    [
        ("01-link-cut", "+60", Verdict.CONTRADICTED, Verdict.CONTRADICTED),
        ("01-link-cut", "+150", Verdict.FAILING, Verdict.FAILING),
        ("04-control-plane-only", "+60", Verdict.CONTRADICTED, Verdict.CONTRADICTED),
        ("05-health-port-only", "+132", Verdict.WELL, Verdict.WELL),
        ("09-apiserver-gone", "+60", Verdict.CONTRADICTED, Verdict.WELL),
        ("13-relay-gone", "+60", Verdict.WELL, Verdict.WELL),
        ("14-wrong-address", "+60", Verdict.FAILING, Verdict.WELL),
        ("17-dns-gone", "+60", Verdict.WELL, Verdict.WELL),
    ],
)
def test_links_are_judged_by_evidence_whatever_is_claimed(
    fault: str, moment: str, koornacht: Verdict, tion: Verdict
) -> None:
    judgement = judged(fault, moment)
    assert judgement.link("koornacht", "tion").verdict is koornacht
    assert judgement.link("tion", "koornacht").verdict is tion


@pytest.mark.parametrize(
    ("fault", "moment", "words"),
    [
        ("01-link-cut", "+60", "2 links silent · 1 service failing"),
        ("03-vxlan-only", "+132", "2 links without pod traffic · 1 service failing"),
        ("04-control-plane-only", "+110", "2 links failing"),
        ("09-apiserver-gone", "+60", "1 link failing"),
        ("10-agent-stopped", "+60", "1 agent failing"),
        ("11-node-down", "+132", "1 node down · names don't resolve in tion"),
        ("12-api-frozen", "+75", "1 API server away"),
        ("17-dns-gone", "+60", "names don't resolve in koornacht"),
    ],
)
def test_the_header_counts_what_is_failing(fault: str, moment: str, words: str) -> None:
    assert headline(judged(fault, moment), NAMES) == (Verdict.FAILING, words)


def test_a_service_says_what_becomes_of_its_requests() -> None:
    cut = judged("01-link-cut", "+60").service("default/rebel-base")
    assert cut.verdict is Verdict.FAILING
    assert cut.words == "100 % of requests to koornacht and tion time out"
    lossy = judged("08-lossy", "+55").service("default/rebel-base")
    assert (lossy.verdict, lossy.words) == (Verdict.FAILING, "22 % of requests to koornacht and tion time out")
    assert judged("17-dns-gone", "+60").service("default/rebel-base").verdict is Verdict.WELL


def test_what_follows_from_a_fault_says_so() -> None:
    found = {t.cause: t.because for t in judged("01-link-cut", "+60").troubles}
    assert found[Cause.SERVICE_TIMEOUT] is Cause.LINK_CUT
    found = {t.cause: t.because for t in judged("11-node-down", "+132").troubles}
    assert found[Cause.DNS_GONE] is Cause.NODE_DOWN


def test_the_usual_state_a_minute_after_a_cut_is_recovering() -> None:
    """The baseline was recorded 51 s after fault 01 had healed: old probes still fail, newer evidence passes."""
    judgement = judged("00-baseline", "base", judge=recorded.Judge(recorded.new_mesh()))
    assert causes(judgement) == {}
    assert judgement.link("koornacht", "tion").verdict is Verdict.RECOVERING
    assert judgement.service("default/rebel-base").verdict is Verdict.RECOVERING


def test_a_cluster_that_is_not_read_is_stale_and_nothing_is_concluded_from_it() -> None:
    judgement = judged("12-api-frozen", "+75")
    assert judgement.cluster("tion").verdict is Verdict.STALE
    assert judgement.cluster("tion").words == "as of 59 s ago"
    assert {judgement.node("tion", name).verdict for name in ("tion-worker", "tion-control-plane")} == {Verdict.STALE}
    assert judgement.link("koornacht", "tion").verdict is Verdict.WELL
