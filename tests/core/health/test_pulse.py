"""The pulse of recorded meshes: what was counted is what the flows say, and what was not heard is not measured."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from meshtui.core.flows.flow import FlowRow
from meshtui.core.health.pulse import BUCKETS, EventCounts, Pulse
from meshtui.core.health.tally import BUCKET_SECONDS
from tests.core.health import recorded as rec


def pulses(fault: str, moment: str) -> tuple[list[FlowRow], dict[str, Pulse], float]:
    judge = rec.Judge(rec.new_mesh())
    documents = rec.recording(fault)["documents"][moment]
    rec.tell(judge.mesh, documents, rec.at_of(fault, moment))
    rows = rec.rows(documents)
    now = rows[-1].time_ns / 1e9
    rec.feed(judge, rows, now)
    rhythm = EventCounts()
    rhythm.take(rows)
    return rows, {name: rhythm.of(name, judge.traffic, now) for name in rec.CLUSTERS}, now


def test_drops_are_counted_once_a_packet_on_the_node_that_dropped_it() -> None:
    rows, found, now = pulses("00-baseline", "base")
    first = (int(now // BUCKET_SECONDS) - BUCKETS + 1) * BUCKET_SECONDS
    expected: Counter[str] = Counter()
    for row in rows:
        noise = row.protocol == "ICMPv6" and row.destination_ip.startswith("ff")
        if row.verdict == 2 and row.event_type == 1 and not noise and row.time_ns / 1e9 >= first:
            expected[row.node.partition("/")[0]] += 1
    assert {name: sum(value or 0 for value in pulse.drops) for name, pulse in found.items()} == {
        name: expected[name] for name in rec.CLUSTERS
    }


def test_requests_and_latency_come_from_handshakes_and_silence_before_is_not_measured() -> None:
    rows, found, now = pulses("00-baseline", "base")
    for name, pulse in found.items():
        assert len(pulse.drops) == len(pulse.requests) == len(pulse.latency) == BUCKETS
        heard = {int(row.time_ns / 1e9 // BUCKET_SECONDS) for row in rows if row.node.startswith(f"{name}/")}
        last = int(now // BUCKET_SECONDS)
        told = {last - BUCKETS + 1 + at for at, value in enumerate(pulse.requests) if value is not None}
        assert told == {number for number in heard if number > last - BUCKETS}
    asked = sum(value or 0 for pulse in found.values() for value in pulse.requests)
    syns = {(r.source_ip, r.source_port) for r in rows if r.flags == "SYN" and r.source.pod and r.destination.pod}
    assert 0 < asked <= len(syns)
    latencies = [value for pulse in found.values() for value in pulse.latency if value is not None]
    assert latencies
    assert all(0 < value < 1000 for value in latencies)


def test_an_hour_later_nothing_is_measured() -> None:
    rows, _, now = pulses("00-baseline", "base")
    rhythm = EventCounts()
    rhythm.take(rows)
    later = rhythm.of("koornacht", rec.Judge(rec.new_mesh()).traffic, now + 3600)
    assert later.measured == 0
    assert later.rate(later.drops) is None
    assert later.latency_ms is None


def test_a_filter_asked_of_the_servers_leaves_drops_alone() -> None:
    judge = rec.seen_calm()
    judge.traffic.suspend(True)
    rhythm = EventCounts()
    rows = rec.rows(rec.recording("00-baseline")["documents"]["base"])
    rhythm.take(rows)
    pulse = rhythm.of("koornacht", judge.traffic, rows[-1].time_ns / 1e9)
    assert pulse.narrowed
    assert pulse.measured
    assert set(pulse.requests) == set(pulse.latency) == {None}


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_events_come_changes_nothing(seed: int) -> None:
    rows, found, now = pulses("00-baseline", "base")
    mixed = list(rows)
    random.Random(seed).shuffle(mixed)
    rhythm = EventCounts()
    for at in range(0, len(mixed), 50):
        rhythm.take(mixed[at : at + 50])
    for name, pulse in found.items():
        assert rhythm.of(name, rec.Judge(rec.new_mesh()).traffic, now).drops == pulse.drops


def test_memory_is_bounded_however_long_it_runs() -> None:
    rows, _, _ = pulses("00-baseline", "base")
    rhythm = EventCounts()
    row = rows[0]
    for hour in range(200):
        row.time_ns += 60 * 10**9
        rhythm.take([row])
        assert hour >= 0
    assert all(len(buckets) <= BUCKETS for buckets in rhythm._buckets.values())
