"""Summaries, splits against SciPy, expectations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from meshtui.core.errors import UsageError
from meshtui.core.load.expect import broken, parse_expectation
from meshtui.core.load.spec import Answer, Request
from meshtui.core.load.split import Fit, chi_square_tail, judge, p_value
from meshtui.core.load.stats import histogram, percentile, summarise


def request(number, answer=Answer.ANSWERED, cluster="", seconds=0.003, at=None, **more):
    return Request(number, number if at is None else at, answer, 0, 200, seconds, cluster=cluster, **more)


@given(st.floats(0, 500), st.integers(1, 60))
def test_chi_square_tail_is_scipys(statistic, degrees):
    assert chi_square_tail(statistic, degrees) == pytest.approx(
        scipy_stats.chi2.sf(statistic, degrees), rel=1e-9, abs=1e-300
    )


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.02, 0.98))
def test_two_way_p_value_is_scipys_binomial_test(first, second, share):
    if first + second:
        expected = scipy_stats.binomtest(first, first + second, share).pvalue
        assert p_value([first, second], [share, 1 - share]) == pytest.approx(expected, rel=1e-6)


def test_large_runs_use_chi_square():
    observed, shares = [400, 300, 310], [0.4, 0.3, 0.3]
    expected = scipy_stats.chisquare(observed, [share * 1010 for share in shares]).pvalue
    assert p_value(observed, shares) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("counts", "shares", "fit"),
    [
        ({"koornacht": 2, "tion": 8}, {"koornacht": 0.5, "tion": 0.5}, Fit.EXPECTED),
        ({"koornacht": 10}, {"koornacht": 1.0}, Fit.EXPECTED),
        ({"koornacht": 10}, {"koornacht": 0.5, "tion": 0.5}, Fit.UNLIKELY),
        ({"koornacht": 9, "tion": 1}, {"koornacht": 1.0}, Fit.IMPOSSIBLE),
        ({"tion": 1}, {"koornacht": 1.0, "tion": 0.0}, Fit.IMPOSSIBLE),
        ({"": 4}, {"koornacht": 1.0}, Fit.NOTHING),
        ({}, {"koornacht": 1.0}, Fit.NOTHING),
    ],
)
def test_verdicts(counts, shares, fit):
    assert judge(counts, shares).fit is fit


def test_an_impossible_answer_names_who_gave_it():
    assert "tion answered 1" in judge({"tion": 1, "koornacht": 3}, {"koornacht": 1}).text


def test_percentiles_are_nearest_rank():
    values = [n / 1000 for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.9, 0.95, 0.99, 1.0)] == [0.05, 0.09, 0.095, 0.099, 0.1]
    assert percentile([], 0.5) == 0
    assert percentile([7.0], 0.01) == 7.0


def test_histogram_counts_every_value_once():
    counts = histogram([0.0005, 0.001, 0.0011, 3.0, 60.0])
    assert sum(counts) == 5
    assert counts[:2] == (2, 1)
    assert counts[-1] == 1


def test_summary_of_a_mixed_run():
    run = [
        request(1, cluster="koornacht", pod="a", at=10.0),
        request(2, cluster="tion", pod="b", at=10.1),
        request(3, Answer.TIMED_OUT, seconds=2.0, at=12.1),
        request(4, Answer.REFUSED, at=12.2),
        request(5, cluster="tion", pod="b", seconds=0.5, at=12.7),
        request(6, Answer.DNS_FAILED, at=13.0),
        request(7, Answer.RESET, at=13.1),
    ]
    summary = summarise(reversed(run))
    assert (summary.total, summary.answered, summary.timeouts, summary.refused) == (7, 3, 1, 1)
    assert (summary.dns_failed, summary.failed) == (1, 1)
    assert summary.by_cluster == {"koornacht": 1, "tion": 2}
    assert summary.by_pod == {"koornacht/a": 1, "tion/b": 2}
    assert (summary.p50, summary.latency.max, summary.max) == (0.003, 0.5, 2.0)
    assert summary.latency_by_cluster["tion"].count == 2
    assert summary.gap == pytest.approx(2.6)
    assert summary.gap_at == 10.1


def test_silence_between_slow_steady_answers_is_no_gap():
    assert summarise([request(1, at=0.0), request(2, at=9.0)]).gap == 0


def test_expectations():
    summary = summarise(
        [request(1, cluster="koornacht"), request(2, cluster="koornacht"), request(3, Answer.TIMED_OUT)]
    )
    assert broken(summary, parse_expectation("Koornacht>0, answered=2, timeouts<=1, koornacht>=60%")) == []
    assert broken(summary, parse_expectation("tion>0,timeouts=0")) == [
        "expected tion > 0, got 0",
        "expected timeouts = 0, got 1",
    ]
    for wrong in ("", "koornacht", "koornacht>", ">1", "a>b"):
        with pytest.raises(UsageError):
            parse_expectation(wrong)
