"""FlowStream against a Relay that is alive, quiet, dead, revived, empty, refusing or too fast."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from meshtui.core.errors import RelayHeldUp, RelayRefused, RelayUnreachable
from meshtui.core.flows.store import FlowStore
from meshtui.core.model.state import Phase
from meshtui.hubble.dial import TlsOptions, undialled
from meshtui.hubble.inbox import Inbox
from meshtui.hubble.pb import flow_pb2, observer_pb2, relay_pb2
from meshtui.hubble.query import MASK, FlowQuery
from meshtui.hubble.relay import fetch, get_nodes, server_status
from meshtui.hubble.rows import Decoder, NodeStatus
from meshtui.hubble.status import record_gap
from meshtui.hubble.stream import Backoff, FlowStream
from tests.hubble.fake_relay import NODE, Collected, FakeRelay, FixedWall, flow

EPOCH = 1_000_000_000
FAST = Backoff(0.01, 0.05)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[FakeRelay]:
    made = FakeRelay(f"unix:{tmp_path}/relay.sock")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def follow(relay: FakeRelay) -> Iterator[Callable[..., tuple[FlowStream, Collected]]]:
    streams: list[FlowStream] = []

    def start(target: str = "", **options: Any) -> tuple[FlowStream, Collected]:
        seen = Collected()
        settings: dict[str, Any] = {
            "context": "kind-koornacht",
            "deliver": seen.deliver,
            "status": seen.status,
            "clock": FixedWall(EPOCH + 50),
            "rng": random.Random(1),
            "backoff": FAST,
        }
        stream = FlowStream(target or relay.address, **(settings | options))
        streams.append(stream)
        stream.start()
        return stream, seen

    yield start
    for stream in streams:
        stream.stop()
        assert not stream.running


def test_follows_with_a_small_number_and_its_own_mask(relay: FakeRelay, follow: Any) -> None:
    _, seen = follow()
    seen.until(lambda: relay.requests)
    asked = relay.requests[0]
    assert (asked.follow, asked.number, asked.HasField("since")) == (True, 1, False)
    assert tuple(asked.field_mask.paths) == MASK
    assert all(path in flow_pb2.Flow.DESCRIPTOR.fields_by_name for path in MASK)


def test_hands_over_what_arrives_and_says_who_is_connected(relay: FakeRelay, follow: Any) -> None:
    _, seen = follow()
    seen.until(lambda: seen.statuses[-1].nodes_connected == 1)
    relay.push(flow(51))
    seen.until(lambda: seen.rows)
    relay.push(*(flow(n) for n in range(52, 152)))
    seen.until(lambda: len(seen.rows) == 101)
    assert [row.uuid for row in seen.rows] == [f"u{n}" for n in range(51, 152)]
    assert seen.rows[0].received == "kind-koornacht"
    assert len(seen.batches) < 101
    assert seen.statuses[-1].phase is Phase.LIVE
    assert seen.statuses[-1].version == "hubble-relay v1.21"
    seen.until(lambda: seen.statuses[-1].received == 101 and seen.statuses[-1].rate > 0)


def test_a_relay_killed_and_revived_loses_nothing_its_ring_still_holds(relay: FakeRelay, follow: Any) -> None:
    _, seen = follow()
    seen.until(lambda: relay.requests)
    relay.push(flow(40), flow(48))
    seen.until(lambda: len(seen.rows) == 2)
    relay.kill()
    seen.until(lambda: any(s.phase is Phase.STALE for s in seen.statuses))
    broken = next(s for s in seen.statuses if s.phase is Phase.STALE)
    assert isinstance(broken.error, RelayUnreachable)
    assert broken.broken_from_ns == (EPOCH + 50) * 10**9
    relay.ring += [flow(49), flow(51)]
    relay.start()
    seen.until(lambda: {"u49", "u51"} <= {r.uuid for r in seen.rows})
    resumed = relay.requests[-1]
    assert resumed.since.ToNanoseconds() == (EPOCH + 43) * 10**9
    back = next(s for s in seen.statuses if s.gap)
    assert not back.gap.lost
    store = FlowStore()
    store.add(seen.rows)
    for status in seen.statuses:
        record_gap(store, status)
    assert [row.uuid for row in store] == ["u40", "u48", "u49", "u51"]
    assert store.duplicates == 1
    assert [(g.source, g.lost, g.end_ns is not None) for g in store.gaps] == [("kind-koornacht", False, True)]


def test_a_ring_that_ran_over_while_away_is_a_gap_with_loss(relay: FakeRelay, follow: Any) -> None:
    clock = FixedWall(EPOCH + 50)
    _, seen = follow(clock=clock)
    seen.until(lambda: seen.statuses[-1].phase is Phase.LIVE)
    relay.kill()
    seen.until(lambda: any(s.phase is Phase.STALE for s in seen.statuses))
    clock.wall += 60
    relay.ring = [flow(90), flow(91)]
    relay.start()
    seen.until(lambda: any(s.gap for s in seen.statuses))
    gap = next(s.gap for s in seen.statuses if s.gap)
    assert (gap.start_ns, gap.end_ns, gap.lost) == ((EPOCH + 50) * 10**9, (EPOCH + 90) * 10**9, True)


def test_a_relay_without_peers_is_asked_again(relay: FakeRelay, follow: Any) -> None:
    relay.peers = 0
    _, seen = follow()
    seen.until(lambda: sum(s.phase is Phase.FAILED for s in seen.statuses) >= 2)
    assert "reaches no agent" in seen.statuses[-1].error.cause
    relay.peers = 1
    seen.until(lambda: seen.statuses[-1].phase is Phase.LIVE)


def test_an_absent_relay_is_a_stated_fact(tmp_path: Path, follow: Any) -> None:
    _, seen = follow(f"unix:{tmp_path}/nobody.sock")
    seen.until(lambda: seen.statuses[-1].phase is Phase.FAILED)
    error = seen.statuses[-1].error
    assert isinstance(error, RelayUnreachable)
    assert "No such file" in error.cause
    assert error.hint


def test_a_refusal_is_not_an_unreachable_relay(relay: FakeRelay, follow: Any) -> None:
    relay.refuse = lambda _: (grpc.StatusCode.PERMISSION_DENIED, "no client certificate")
    _, seen = follow()
    seen.until(lambda: isinstance(seen.statuses[-1].error, RelayRefused))
    assert "no client certificate" in seen.statuses[-1].error.cause


def test_an_older_server_that_refuses_the_mask_is_asked_for_everything(relay: FakeRelay, follow: Any) -> None:
    relay.refuse = lambda r: (grpc.StatusCode.UNKNOWN, "invalid fieldmask") if r.field_mask.paths else None
    _, seen = follow()
    seen.until(lambda: any(not r.field_mask.paths and r.follow for r in relay.requests))
    relay.push(flow(60))
    seen.until(lambda: seen.rows)
    assert not [status for status in seen.statuses if status.error], "a refused mask is no break"


def test_one_older_node_of_many_that_refuses_the_mask_is_asked_for_everything(relay: FakeRelay, follow: Any) -> None:
    refused = observer_pb2.GetFlowsResponse()
    refused.node_status.state_change = relay_pb2.NODE_ERROR
    refused.node_status.node_names.append(NODE)
    refused.node_status.message = "rpc error: code = Unknown desc = invalid fieldmask"
    _, seen = follow()
    seen.until(lambda: relay.requests)
    relay.push(refused)
    seen.until(lambda: any(not r.field_mask.paths and r.follow for r in relay.requests))
    relay.push(flow(60))
    seen.until(lambda: seen.rows and not seen.statuses[-1].nodes_unavailable)
    assert not [status for status in seen.statuses if status.error or status.broken_from_ns], "no break"


def test_lost_events_and_unavailable_nodes_are_told(relay: FakeRelay, follow: Any) -> None:
    _, seen = follow()
    seen.until(lambda: relay.requests)
    lost = observer_pb2.GetFlowsResponse(node_name=NODE)
    lost.lost_events.source, lost.lost_events.num_events_lost = 3, 17
    gone = observer_pb2.GetFlowsResponse()
    gone.node_status.state_change = relay_pb2.NODE_ERROR
    gone.node_status.node_names.append("tion/worker")
    gone.node_status.message = "connection reset"
    relay.push(lost, gone)
    seen.until(lambda: seen.statuses[-1].nodes_unavailable)
    assert sum(s.lost for s in seen.statuses) == 17
    assert seen.statuses[-1].lost_where == ((f"{NODE}: HUBBLE_RING_BUFFER", 17),)
    assert seen.statuses[-1].node_errors == (("tion/worker", "connection reset"),)


def test_another_question_goes_over_the_connection_that_delivers(relay: FakeRelay, follow: Any) -> None:
    stream, seen = follow()
    seen.until(lambda: relay.requests)
    relay.push(flow(40))
    seen.until(lambda: seen.rows)
    relay.held_up.set()  # whoever greets now gets no answer
    stream.ask(FlowQuery(whitelist=[{"node_name": ["koornacht/"]}]), (EPOCH + 30) * 10**9)
    seen.until(lambda: len(relay.requests) == 2)
    relay.push(flow(41))
    seen.until(lambda: seen.rows[-1].uuid == "u41")
    assert {status.phase for status in seen.statuses} == {Phase.CONNECTING, Phase.LIVE}
    assert not any(status.held_up for status in seen.statuses)


def test_a_relay_that_a_peer_holds_up_delivers_and_says_so(relay: FakeRelay, follow: Any) -> None:
    relay.held_up.set()
    stream, seen = follow()
    seen.until(lambda: seen.statuses[-1].phase is Phase.LIVE)
    assert seen.statuses[-1].held_up
    seen.until(lambda: relay.requests)
    relay.push(flow(51))
    seen.until(lambda: seen.rows)
    relay.held_up.clear()
    stream.note_nodes(get_nodes(relay.address))
    assert (seen.statuses[-1].held_up, seen.statuses[-1].nodes_unavailable) == (False, ("tion/gone",))
    relay.states["tion/gone"] = relay_pb2.NODE_CONNECTED
    stream.note_nodes(get_nodes(relay.address))
    assert (seen.statuses[-1].nodes_unavailable, seen.statuses[-1].nodes_connected) == ((), 2)


def test_a_relay_that_says_nothing_of_itself_is_not_called_held_up(relay: FakeRelay, follow: Any) -> None:
    relay.held_up.set()
    relay.healthy = False
    _, seen = follow()
    seen.until(lambda: seen.statuses[-1].phase is Phase.FAILED)
    assert not isinstance(seen.statuses[-1].error, RelayHeldUp)
    assert "not of itself either" in seen.statuses[-1].error.cause


def test_a_port_forward_is_named_by_its_context_and_not_by_a_socket_of_ours() -> None:
    gone = undialled("unix:/tmp/meshtui-x1y2/relay", "kind-tion", FileNotFoundError(2, "No such file"))
    assert str(gone) == "kind-tion's Hubble Relay (port-forward) does not answer: the port-forward to it has ended"


def test_sheds_visibly_when_there_is_no_room(relay: FakeRelay, follow: Any) -> None:
    _, seen = follow(room=lambda: False)
    seen.until(lambda: relay.requests)
    relay.push(*(flow(n) for n in range(1000)))
    seen.until(lambda: len(seen.rows) + sum(s.shed for s in seen.statuses) == 1000)
    assert 0 < len(seen.rows) < 500


def test_what_is_looked_at_is_read_in_the_streams_thread_but_for_a_flood(
    relay: FakeRelay, follow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[int] = []
    fill = Decoder.fill
    monkeypatch.setattr(Decoder, "fill", lambda decoder, row: (filled.append(1), fill(decoder, row)))
    _, seen = follow(whole=True)
    seen.until(lambda: relay.requests)
    relay.push(flow(1))
    seen.until(lambda: seen.rows)
    assert [row.protocol for row in seen.rows] == [""]
    assert not filled, "nothing was left to read"
    stream, _ = follow(whole=True)
    batch = [flow(n).SerializeToString() for n in range(2_000)]
    rows = stream._decode(batch)
    assert len(rows) == 2_000
    assert [row.protocol for row in rows[:3]] == [""] * 3
    assert len(filled) == 3, "a flood is skimmed, and read where it is asked for"


def test_the_inbox_keeps_the_newest_and_counts_the_rest() -> None:
    woken = []
    inbox = Inbox(lambda: woken.append(1), limit=3)
    inbox.put([1, 2])  # type: ignore[list-item]
    assert inbox.room()
    inbox.put([3, 4, 5])  # type: ignore[list-item]
    assert not inbox.room()
    assert inbox.drain() == ([3, 4, 5], 2)
    assert inbox.drain() == ([], 0)
    assert woken == [1]


def test_no_follow_ends_and_says_so(relay: FakeRelay, follow: Any) -> None:
    relay.push(flow(1), flow(2), flow(3))
    _, seen = follow(query=FlowQuery(follow=False, number=2))
    seen.until(lambda: seen.statuses[-1].ended)
    assert [r.uuid for r in seen.rows] == ["u2", "u3"]
    assert seen.statuses[-1].error is None


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_with_a_ca_a_client_certificate_or_blind_trust(mutual: bool) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("*.hubble-relay.cilium.io")
    client = authority.issue_cert("meshtui@example.org")
    roots = authority.cert_pem.bytes()
    chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
    relay = FakeRelay(
        "127.0.0.1:0",
        grpc.ssl_server_credentials(
            [(server.private_key_pem.bytes(), chain)], roots if mutual else None, require_client_auth=mutual
        ),
    )
    target = relay.start()
    mine = (client.cert_chain_pems[0].bytes(), client.private_key_pem.bytes()) if mutual else (None, None)
    try:
        trusting = TlsOptions(roots, *mine)
        assert server_status(target, tls=trusting).nodes_connected == 2
        assert server_status(target, tls=TlsOptions(None, *mine, insecure=True)).nodes_connected == 2
        with pytest.raises(RelayUnreachable):
            server_status(target, tls=TlsOptions(trustme.CA().cert_pem.bytes(), *mine))
        if mutual:
            with pytest.raises(RelayUnreachable):
                server_status(target, tls=TlsOptions(roots))
        with pytest.raises(RelayUnreachable):
            server_status(target, timeout=2)
    finally:
        relay.kill()


def test_fetch_reads_what_already_happened(relay: FakeRelay) -> None:
    relay.push(flow(1), flow(2), flow(3))
    items = list(fetch(relay.address, FlowQuery(follow=False, number=2), context="k"))
    assert isinstance(items[0], NodeStatus)
    assert [getattr(item, "uuid", "") for item in items[1:]] == ["u2", "u3"]
