"""Counts per (who → whom, fate): the recorded denials add up, replies join their requests, SYNs wait for answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.core.flows.flow import Peer
from meshtui.core.flows.sums import COLUMNS, Aggregates, aggregate_key, matches, sparkline, text_map
from meshtui.core.flows.workload import party, workload_of_pod
from tests.core.flowrows import SECOND, recorded, row

START = 1_700_000_000 * SECOND


def test_the_recorded_denials_add_up() -> None:
    rows = recorded("10-default-deny")
    found = Aggregates()
    found.add(rows)
    assert sum(a.count for a in found) == len(rows)
    denied = [a for a in found if a.verdict == 2]
    assert {a.source for a in denied} <= {"default/x-wing@koornacht", "default/x-wing@tion"}
    assert {a.target for a in denied} <= {"default/rebel-base@koornacht:80", "default/rebel-base@tion:80"}
    assert {a.reason_text for a in denied} == {"Policy denied"}
    ports = {r.source_port for r in rows if r.verdict == 2}
    assert sum(a.unanswered for a in denied) == len(ports)
    assert all(a.crosses == (a.source.split("@")[1] != a.destination.split("@")[1]) for a in denied)
    for aggregate in found:
        behind = [r for r in rows if matches(r, aggregate.key)]
        assert (len(behind), behind[0].time_ns) == (aggregate.count, aggregate.first_ns)


def test_the_map_marks_drops_and_borders() -> None:
    found = Aggregates()
    found.add(recorded("10-default-deny"))
    lines = text_map(found)
    assert "default/x-wing@koornacht" in lines
    assert any("⇄✗▶ default/rebel-base@tion:80  DROPPED" in line for line in lines)
    assert any("───▶ kube-system/coredns@koornacht:53" in line for line in lines)
    both = Aggregates()
    both.add([row(), row(verdict=1, drop_reason=0)])
    assert "±▶" in text_map(both)[1]


def test_an_answer_takes_the_syn_off_the_account_in_any_order() -> None:
    back = row(
        source_ip="10.2.0.4",
        destination_ip="10.1.0.27",
        source_port=80,
        destination_port=35072,
        source=row().destination,
        destination=row().source,
        verdict=1,
        drop_reason=0,
        flags="SYN, ACK",
        is_reply=True,
    )
    syn = row(verdict=1, drop_reason=0, is_reply=False)
    for order in ([syn, syn, back], [back, syn, syn]):
        found = Aggregates()
        found.add(order)
        (aggregate,) = found
        assert (aggregate.count, aggregate.unanswered) == (3, 0)
        assert aggregate.target == "default/rebel-base@tion:80"


def test_columns_sort() -> None:
    found = Aggregates()
    found.add([row(), row(), row(destination_port=81, verdict=1, drop_reason=0)])
    for column in COLUMNS:
        assert len(found.sorted(column)) == 2
    assert [a.count for a in found.sorted("count")] == [2, 1]
    assert [a.verdict_name for a in found.sorted("verdict", reverse=False)] == ["DROPPED", "FORWARDED"]
    with pytest.raises(KeyError):
        found.sorted("nope")


def test_rates_and_history() -> None:
    found = Aggregates()
    found.add(row(time_ns=START + n * SECOND // 2) for n in range(40))
    (aggregate,) = found
    now = START + 20 * SECOND
    assert aggregate.rate(now) == 2.0
    assert aggregate.history(now, 4) == [2, 2, 2, 0]
    assert aggregate.rate(now + 300 * SECOND) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1000), max_size=70), st.integers(0, 70))
def test_a_sparkline_fits_and_is_flat_only_when_nothing_happened(values: list[int], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) <= width
    assert ("█" in line) == (bool(width) and any(values))


def test_bounded() -> None:
    found = Aggregates(limit=2)
    found.add(row(destination_port=n) for n in range(5))
    assert (len(found), found.overflow) == (2, 3)
    many = Aggregates()
    many.add(row(time_ns=START + n * SECOND) for n in range(500))
    assert len(next(iter(many)).buckets) <= 121


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("x-wing-689bd74994-8wv5f", "x-wing"),
        ("cilium-bcd24", "cilium"),
        ("db-0", "db"),
        ("bare", "bare"),
        ("kube-apiserver-koornacht-control-plane", "kube-apiserver-koornacht-control-plane"),
    ],
)
def test_a_pods_name_tells_its_workload(pod: str, workload: str) -> None:
    assert workload_of_pod(pod) == workload


def test_who_a_side_is() -> None:
    assert party(row(source=Peer(1)), False) == "host"
    assert party(row(source=Peer(2), source_names=("a.example",)), False) == "a.example"
    assert party(row(source=Peer(2)), False) == "10.1.0.27"
    assert party(row(source=Peer(), source_ip=""), False) == "unknown"
    assert party(row(source=Peer(9, "", "", "solo")), False) == "solo"
    assert aggregate_key(row(is_reply=True, verdict=1))[2] == 35072
