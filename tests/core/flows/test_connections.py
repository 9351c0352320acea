"""Events of one connection fold into it: recorded denials, an answered request, reuse of a port."""

from meshtui.core.flows.connections import Connections, connection_key, connection_of
from meshtui.core.flows.flow import Verdict
from tests.core.flowrows import SECOND, recorded, row

START = 1_700_000_000 * SECOND


def test_each_recorded_timeout_is_one_connection_of_two_attempts() -> None:
    """Of the ten curls each SYN is seen twice, as verdict and as drop, and sent twice within curl's two seconds."""
    found = Connections()
    found.add(recorded("10-default-deny"))
    denied = [c for c in found if c.drops and len(c.events) == 4]
    assert len(denied) >= 5
    for connection in denied:
        assert (connection.attempts, connection.unanswered, connection.answered) == (2, 2, False)
        assert connection.verdict is Verdict.DROPPED
        assert connection.drop_reason == 133
        assert [sorted(r.event_type for r in p.events) for p in connection.packets()] == [[1, 5], [1, 5]]
        assert connection.opener.destination_port == 80


def test_both_nodes_sightings_and_the_reply_are_one_connection() -> None:
    found = Connections()
    rows = recorded("14-egress-any-cluster")
    found.add(reversed(rows))
    across = [c for c in found if len(c.nodes) == 2 and c.opener.protocol == "TCP" and not c.drops]
    assert across
    for connection in across:
        assert connection.answered
        assert connection.unanswered == 0
        assert connection.attempts <= 1
        assert [r.time_ns for r in connection.events] == sorted(r.time_ns for r in connection.events)
    assert sum(len(c.events) for c in found) == sum(connection_key(r) is not None for r in rows)


def test_directions_share_a_key() -> None:
    back = row(source_ip="10.2.0.4", destination_ip="10.1.0.27", source_port=80, destination_port=35072)
    assert connection_key(row()) == connection_key(back)
    assert connection_key(row(source_ip="")) is None


def test_a_port_used_again_is_another_connection() -> None:
    found = Connections()
    found.add([row(time_ns=START), row(time_ns=START + SECOND), row(time_ns=START + 500 * SECOND)])
    assert len(found) == 2
    assert sorted(c.attempts for c in found) == [1, 2]
    closed = Connections()
    closed.add([row(time_ns=START), row(time_ns=START + 1, flags="ACK, FIN", verdict=1), row(time_ns=START + SECOND)])
    assert len(closed) == 2
    first = closed.of(row(time_ns=START))
    assert first is not None
    assert first.closed


def test_a_drop_of_the_reply_is_not_an_answer() -> None:
    found = Connections()
    back = row(
        time_ns=START + 1,
        source_ip="10.2.0.4",
        destination_ip="10.1.0.27",
        source_port=80,
        destination_port=35072,
        flags="SYN, ACK",
    )
    found.add([row(time_ns=START, verdict=1, is_reply=False), back])
    (connection,) = found
    assert (connection.answered, connection.unanswered, connection.client_is_source) == (False, 1, True)


def test_bounded_and_the_idlest_leaves() -> None:
    found = Connections(limit=3, events_each=2)
    found.add(row(time_ns=START + n, source_port=1000 + n) for n in range(10))
    found.add(row(time_ns=START + 20 + n, source_port=1009) for n in range(5))
    assert len(found) == 3
    assert sorted(c.key[2] for c in found) == [1007, 1008, 1009]
    assert max(len(c.events) for c in found) == 2


def test_one_flows_connection_without_keeping_them_all() -> None:
    rows = recorded("10-default-deny")
    dropped = next(r for r in rows if r.verdict == 2)
    connection = connection_of(dropped, rows)
    assert connection is not None
    assert dropped in connection.events
    assert connection_of(row(source_ip=""), rows) is None
    alone = connection_of(row(), rows)  # the 5-tuple of a recorded connection, years before it
    assert alone is not None
    assert len(alone.events) == 1


def test_a_verdict_nobody_knows() -> None:
    found = Connections()
    found.add([row(verdict=77)])
    assert next(iter(found)).verdict is Verdict.UNKNOWN
