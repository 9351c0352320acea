"""What flows show beside the recorded steps' stories (`spec/`): identities, retransmissions, proxied lookups."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from meshtui.sim.clock import ManualClock
from meshtui.sim.datapath import request
from meshtui.sim.datapath.emit import Later
from meshtui.sim.faults.inject import inject
from tests.sim.spec.flows import traffic
from tests.sim.worlds import curl, flows, pod, world


def test_identities_carry_the_cluster_in_their_high_bits() -> None:
    numbers = {"koornacht": 1, "tion": 2}
    seen = set()
    for flow in traffic(world("4-global")):
        for endpoint in (flow["source"], flow["destination"]):
            if "cluster_name" in endpoint:
                assert endpoint["identity"] >> 16 == numbers[endpoint["cluster_name"]]
                seen.add(endpoint["cluster_name"])
    assert seen == set(numbers)


def test_a_default_deny_is_reported_twice_for_each_of_two_syns() -> None:
    made = world("default-deny")
    (result,) = curl(made, "koornacht")
    assert result.kind == "timeout"
    assert 2.0 <= result.seconds < 2.01
    dropped = [
        (e.time_ns, e.what.flow)
        for ring in made.clusters["koornacht"].rings.values()
        for e in ring.all()[0]
        if e.what.flow.verdict == 2
    ]
    assert [f.event_type.type for _, f in dropped] == [5, 1, 5, 1]
    assert 1.0 < (dropped[2][0] - dropped[0][0]) / 1e9 < 1.05
    assert not any(f.egress_denied_by for _, f in dropped)


def test_a_proxied_lookup_asks_for_both_families_over_one_socket() -> None:
    made = world("default-deny")
    curl(made, "tion")
    queries = [f["Summary"] for f in flows(made) if f["Type"] == "L7" and f["l7"]["type"] == "REQUEST"]
    assert sorted(queries) == [
        "DNS Query rebel-base.default.svc.cluster.local. A",
        "DNS Query rebel-base.default.svc.cluster.local. AAAA",
    ]


def test_what_is_sent_again_is_told_again_after_five_seconds() -> None:
    # Recorded with a cut from Koornacht to Tion: the SYN once, and the answer in vain at these seconds after it.
    recorded = [0.0, 7.2, 15.4, 31.6]
    made = world("global", nodes=2)
    inject(made, {"fault": "one-way-cut", "from": "koornacht"})

    async def ask() -> None:
        assert isinstance(made.clock, ManualClock)
        tion = made.clusters["tion"]
        sent = [
            asyncio.ensure_future(request(made, tion, pod(tion), "rebel-base", 80, max_time=1.0)) for _ in range(12)
        ]
        await made.clock.advance(2)
        assert {s.result().kind for s in sent} == {"answered", "timeout"}
        while made.clusters["koornacht"].part(Later, Later).tasks:
            await made.clock.advance(1)

    asyncio.run(ask())
    seen: dict[int, list[tuple[str, str, float]]] = defaultdict(list)
    for flow in flows(made):
        if flow["node_name"].startswith("koornacht") and "TCP" in flow["l4"]:
            tcp = flow["l4"]["TCP"]
            port = max(tcp["source_port"], tcp["destination_port"])
            seen[port].append((flow["trace_observation_point"], ",".join(tcp["flags"]), int(flow["time"]) / 1e9))
    assert seen
    for story in seen.values():
        story.sort(key=lambda told: told[2])
        assert [s[:2] for s in story] == [("TO_ENDPOINT", "SYN"), *[("TO_OVERLAY", "SYN,ACK")] * 4]
        assert all(abs(s[2] - story[0][2] - at) < 0.3 for s, at in zip(story[1:], recorded, strict=True))
