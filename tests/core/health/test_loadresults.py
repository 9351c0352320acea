"""What a load test came to is evidence: for its service, and for the links its answers crossed."""

from __future__ import annotations

from meshtui.core.health.judge import Judge
from meshtui.core.health.loadresults import ANSWERED
from meshtui.core.health.model import Cause, Source, Verdict
from meshtui.core.health.traffic import Traffic
from tests.core.health.recorded import new_mesh, recording, tell

KEY, K, T = "default/rebel-base", "koornacht", "tion"
NOW = 1_796_000_000.0


def judge(*requests: tuple[str, str, str, float]) -> Judge:
    """A judge of two clusters who sees no flows and no probes: only (client, server, fate, seconds ago)."""
    traffic = Traffic()
    for client, server, fate, ago in requests:
        traffic.load_results.take(KEY, client, server, fate, NOW - ago)
    found = Judge(new_mesh(), traffic)
    documents = recording("00-baseline")["documents"]["base"]
    tell(found.mesh, {name: {**each, "health": {}, "flows": []} for name, each in documents.items()}, NOW)
    found.judge(NOW)
    return found


def test_answers_alone_prove_a_service_and_the_links_they_crossed() -> None:
    found = judge(*[(K, T, ANSWERED, 5.0)] * 6, *[(K, K, ANSWERED, 5.0)] * 4).latest
    health = found.service(KEY)
    assert (health.verdict, health.words) == (Verdict.WELL, "10 of 10 requests of load tests answered")
    (said,) = health.observations
    assert (said.source, said.text) == (
        Source.LOAD,
        "load test from koornacht: 10 of 10 answered (koornacht 4, tion 6)",
    )
    link = found.link(K, T)
    assert link.verdict is Verdict.WELL
    assert [each.text for each in link.observations if each.source is Source.LOAD] == [
        "6 requests of a load test answered by tion"
    ]


def test_without_any_request_neither_is_known() -> None:
    found = judge().latest
    assert found.service(KEY).verdict is Verdict.UNKNOWN
    assert found.link(K, T).verdict is Verdict.UNKNOWN


def test_requests_without_an_answer_make_a_service_fail_and_say_whose_they_were() -> None:
    found = judge(*[(K, "", "timed out", 5.0)] * 4, *[(K, K, ANSWERED, 5.0)] * 6).latest
    health = found.service(KEY)
    assert health.verdict is Verdict.FAILING
    assert health.words == "40 % of a load test's requests from koornacht: timed out"
    assert health.observations[0].text == "load test from koornacht: 6 of 10 answered (koornacht 6), 4 timed out"
    (trouble,) = [t for t in found.troubles if t.cause is Cause.SERVICE_TIMEOUT]
    assert trouble.evidence == (health.observations[0].text,)
    assert trouble.since == NOW - 5.0


def test_one_request_in_forty_is_chance_and_what_is_long_over_is_over() -> None:
    chance = judge((K, "", "timed out", 5.0), *[(K, K, ANSWERED, 5.0)] * 39).latest.service(KEY)
    assert chance.verdict is Verdict.WELL
    over = judge(*[(K, "", "timed out", 60.0)] * 4, *[(K, K, ANSWERED, 10.0)] * 6).latest.service(KEY)
    assert over.verdict is Verdict.WELL
    old = judge(*[(K, "", "timed out", 200.0)] * 4).latest.service(KEY)
    assert old.verdict is Verdict.UNKNOWN, "evidence counts for two minutes"


def test_what_is_kept_is_bounded() -> None:
    traffic = Traffic()
    for number in range(200):
        for _ in range(3):
            traffic.load_results.take(f"default/svc-{number}", K, T, ANSWERED, NOW)
    assert len(traffic.load_results.by_service(0.0)) == 64
