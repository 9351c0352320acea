"""The verdict on a split when some requests were not answered at all."""

from meshtui.core.load.split import Fit, judge


def test_requests_nobody_answered_are_never_as_expected():
    lacking = judge({"koornacht": 6}, {"koornacht": 0.5, "tion": 0.5}, unanswered=4)
    assert lacking.fit is Fit.UNANSWERED
    assert lacking.text == "4 of 10 not answered; the split of the answers is no surprise (p = 0.031)"
    alone = judge({"koornacht": 9}, {"koornacht": 1.0}, unanswered=1)
    assert (alone.fit, alone.text) == (Fit.UNANSWERED, "1 of 10 not answered")
    assert judge({"tion": 1}, {"koornacht": 1.0}, unanswered=9).fit is Fit.IMPOSSIBLE


def test_an_answer_from_a_cluster_that_is_not_looked_at_is_not_impossible():
    verdict = judge({"tion": 2}, {"koornacht": 1.0}, known={"koornacht"})
    assert verdict.fit is Fit.NOTHING
    assert verdict.text == "tion answered 2: not among the clusters shown, so no split can be foretold"
    assert judge({"tion": 2}, {"koornacht": 1.0}, known={"koornacht", "tion"}).fit is Fit.IMPOSSIBLE
