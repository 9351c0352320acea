"""What flows show beside the recorded steps' stories (`spec/`): identities, retransmissions, proxied lookups."""

from __future__ import annotations

from tests.sim.spec.flows import traffic
from tests.sim.worlds import curl, flows, world


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
