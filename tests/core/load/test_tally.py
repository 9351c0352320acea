"""A tally kept request by request says what a summary of all of them says; moves and the timeline."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from meshtui.core.load.moves import Move, Moves, moved
from meshtui.core.load.run import MOST_REQUESTS, Run
from meshtui.core.load.spec import Answer, LoadSpec, Request
from meshtui.core.load.stats import summarise
from meshtui.core.load.tally import Tally

ENDS = st.tuples(
    st.sampled_from(list(Answer)),
    st.sampled_from(["", "koornacht", "tion"]),
    st.floats(0, 3),
    st.floats(0, 2),
    st.sampled_from(["", "a", "b"]),
)


def requests_of(ends):
    """Requests in order of arrival."""
    at, found = 1000.0, []
    for number, (answer, cluster, seconds, wait, pod) in enumerate(ends, 1):
        at += wait
        good = answer is Answer.ANSWERED
        found.append(
            Request(number, at, answer, 0, 200 if good else 0, seconds, cluster=cluster if good else "", pod=pod)
        )
    return found


@given(st.lists(ENDS, max_size=60))
def test_a_tally_is_a_summary(ends):
    requests = requests_of(ends)
    tally = Tally()
    for request in requests:
        tally.add(request)
    assert tally.summary() == summarise(requests)
    assert sum(second.answered + second.failed for second in tally.timeline) == len(requests)


@given(st.lists(ENDS, max_size=40), st.data())
def test_what_is_found_out_later_replaces_what_was_counted(ends, data):
    run = Run(LoadSpec("http://x"), "koornacht", "x")
    requests = requests_of(ends)
    for request in requests:
        run.place(request)
    for index, request in enumerate(requests):
        if request.answer is Answer.ANSWERED and data.draw(st.booleans()):
            requests[index] = replace(request, cluster="hoth", pod="p")
    run.retell(requests)
    assert run.requests == requests
    assert run.summary == summarise(requests)
    at_hoth = sum(second.by_cluster["hoth"] for second in run.tally.timeline)
    assert at_hoth == sum(request.cluster == "hoth" for request in requests)


def test_a_long_run_forgets_requests_and_no_number():
    run = Run(LoadSpec("http://x", count=0, rate=50), "koornacht", "x")
    total = MOST_REQUESTS + 100
    for number in range(1, total + 1):
        run.place(Request(number, float(number), Answer.ANSWERED, 0, 200, 0.01, cluster="koornacht"))
    assert len(run.requests) <= MOST_REQUESTS
    assert run.summary.total == total
    assert run.requests[-1].number == total
    run.retell([replace(run.requests[0], cluster="tion"), replace(run.requests[0], number=1, cluster="hoth")])
    assert run.summary.by_cluster == {"koornacht": total - 1, "tion": 1}


def answers(text):
    """One request a second: K, T, or `.` for a timeout."""
    names = {"K": "koornacht", "T": "tion"}
    return [
        Request(n, float(n), Answer.ANSWERED if c in names else Answer.TIMED_OUT, 0, 0, 0.1, cluster=names.get(c, ""))
        for n, c in enumerate(text)
    ]


def found_in(text):
    moves = Moves()
    for request in answers(text):
        moves.add(request)
    return moves.found


def test_a_failover_moves_at_the_second_it_happens():
    assert found_in("KKKKKKKKKKKKKKK...TTTTTTTT") == [Move(14.0, "koornacht", False), Move(18.0, "tion", True)]


def test_back_and_forth_is_told_each_time():
    found = found_in("K" * 12 + ".." + "T" * 12 + "." + "K" * 12)
    assert [(move.cluster, move.began) for move in found] == [
        ("koornacht", False), ("tion", True), ("tion", False), ("koornacht", True),
    ]  # fmt: skip


def test_an_even_mix_does_not_move():
    assert found_in("KTTKTKKTKTTTKKTKTKTKKKTTKTKTTKKT" * 3) == []


def test_one_of_two_leaving_is_noticed_once_it_cannot_be_chance():
    mixed = "KTTKTKKTKTKT"
    assert found_in(mixed + "K" * 13) == []
    assert found_in(mixed + "K" * 20) == [Move(11.0, "tion", False)]


def test_sentences_name_cluster_and_time():
    requests = answers("KKKKKKKKKKKK..TTTTTTTT")
    sentences = moved(found_in("KKKKKKKKKKKK..TTTTTTTT"), summarise(requests))
    assert sentences == [
        "koornacht answered last at 00:00:11.0",
        "tion began to answer at 00:00:14.0",
        "longest gap 3.0 s, from 00:00:11.0",
    ]
