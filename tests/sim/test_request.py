"""Requests that end in other ways than an answer or a policy's silence, and backend choice at its edges."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from meshtui.sim.datapath.view import SERVICES, SLICES
from meshtui.sim.world import World
from tests.sim.worlds import answered_by, curl, flows, pod, world

CNPS = ("cilium.io", "ciliumnetworkpolicies")


def change(made: World, cluster: str, **fields: Any) -> None:
    """Change annotations (`annotations=`) or spec fields of a cluster's rebel-base Service."""
    store = made.clusters[cluster].store
    service = copy.deepcopy(store.get(SERVICES, "default", "rebel-base"))
    assert service is not None
    if "annotations" in fields:
        service["metadata"]["annotations"] = fields.pop("annotations")
    service["spec"].update(fields)
    store.update(SERVICES, service)


def empty(made: World, cluster: str) -> None:
    """Take a cluster's rebel-base endpoints away."""
    store = made.clusters[cluster].store
    for piece in store.list(SLICES, "default"):
        if piece["metadata"]["name"].startswith("rebel-base"):
            store.update(SLICES, {**copy.deepcopy(piece), "endpoints": None, "ports": None})


def policy(made: World, cluster: str, spec: dict[str, Any]) -> None:
    """Apply a CiliumNetworkPolicy."""
    made.clusters[cluster].store.create(
        CNPS,
        {
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": {"name": "test", "namespace": "default"},
            "spec": spec,
        },
    )


@pytest.mark.parametrize(
    "host", ["rebel-base", "rebel-base.default", "rebel-base.default.svc", "rebel-base.default.svc.cluster.local."]
)
def test_every_form_of_a_name_reaches_the_service(host: str) -> None:
    assert answered_by(curl(world(), "koornacht", host)) == {"Koornacht"}


def test_an_unknown_name_is_a_dns_failure_and_no_connection() -> None:
    made = world()
    (result,) = curl(made, "koornacht", "death-star")
    assert result.kind == "dns"
    assert not [f for f in flows(made) if "TCP" in f["l4"]]


def test_a_busy_machine_makes_no_network_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sleeps is woken 0.3 s late; what an answer takes on the network is what counts."""
    made = world()
    sleep = made.clock.sleep

    async def oversleep(seconds: float) -> None:
        await sleep(seconds + 0.3)

    monkeypatch.setattr(made.clock, "sleep", oversleep)
    (result,) = curl(made, "koornacht", max_time=0.1)
    assert answered_by([result]) == {"Koornacht"}
    assert result.seconds < 0.1


def test_a_remote_pod_answers_at_its_own_address() -> None:
    made = world()
    ip = pod(made.clusters["tion"], "rebel-base")["status"]["podIP"]
    (result,) = curl(made, "koornacht", ip)
    assert answered_by([result]) == {"Tion"}
    assert result.remote_ip == ip


def test_without_any_backend_a_service_refuses_at_once() -> None:
    made = world("global")
    empty(made, "koornacht")
    empty(made, "tion")
    (result,) = curl(made, "koornacht")
    assert result.kind == "refused"
    assert result.seconds < 0.1
    (dropped,) = [f for f in flows(made) if f["verdict"] == "DROPPED"]
    assert dropped["drop_reason_desc"] == "SERVICE_BACKEND_NOT_FOUND"


def test_a_port_nobody_listens_on_resets() -> None:
    made = world()
    ip = pod(made.clusters["koornacht"], "rebel-base")["status"]["podIP"]
    (result,) = curl(made, "koornacht", ip, port=8080)
    assert result.kind == "refused"
    assert flows(made)[-1]["Summary"] == "TCP Flags: ACK, RST"


def test_a_port_the_service_does_not_have_is_silent() -> None:
    assert answered_by(curl(world(), "koornacht", port=81)) == {"timeout"}


def test_an_address_outside_the_mesh_is_silent() -> None:
    assert answered_by(curl(world(), "koornacht", "192.0.2.1")) == {"timeout"}


def test_a_session_stays_where_it_is() -> None:
    made = world("global")
    change(made, "koornacht", sessionAffinity="ClientIP")
    curl(made, "koornacht", count=24)
    reached = {f["IP"]["destination"] for f in flows(made) if "TCP" in f["l4"] and not f.get("is_reply")}
    assert len(reached) == 1


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"io.cilium/global-service": "true"}, {"Koornacht", "Tion"}),
        ({"service.cilium.io/global": "", "io.cilium/global-service": "true"}, {"Koornacht"}),
        ({"service.cilium.io/global": "TRUE"}, {"Koornacht", "Tion"}),
        ({"service.cilium.io/global": " true"}, {"Koornacht"}),
        ({"service.cilium.io/global": "yes"}, {"Koornacht"}),
    ],
)
def test_only_true_is_true_and_the_new_key_wins(annotations: dict[str, str], expected: set[str]) -> None:
    made = world("global")
    change(made, "koornacht", annotations=annotations)
    assert answered_by(curl(made, "koornacht", count=24)) == expected


@pytest.mark.parametrize(("version", "expected"), [("1.18", {"Koornacht"}), ("1.21", {"Koornacht", "Tion"})])
def test_affinity_none_written_out_lost_remote_backends_once(version: str, expected: set[str]) -> None:
    made = world("global", cilium_version=version)
    change(
        made,
        "koornacht",
        annotations={"service.cilium.io/global": "true", "service.cilium.io/affinity": "none"},
    )
    assert answered_by(curl(made, "koornacht", count=24)) == expected


def test_an_empty_service_falls_over_to_the_other_cluster() -> None:
    made = world("global")
    empty(made, "koornacht")
    assert answered_by(curl(made, "koornacht", count=12)) == {"Tion"}


def test_denied_name_resolution_times_out_before_any_connection() -> None:
    made = world()
    policy(made, "koornacht", {"endpointSelector": {}, "egress": [{}]})
    assert answered_by(curl(made, "koornacht")) == {"timeout"}
    assert {next(iter(f["l4"])) for f in flows(made)} == {"UDP"}
    assert {f["verdict"] for f in flows(made)} == {"DROPPED"}


def test_a_name_the_dns_rules_forbid_is_not_resolved() -> None:
    made = world()
    dns = {"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": [{"matchName": "example.org"}]}}
    policy(made, "koornacht", {"endpointSelector": {}, "egress": [{"toEntities": ["cluster"], "toPorts": [dns]}]})
    assert answered_by(curl(made, "koornacht")) == {"dns"}
    refused = [f for f in flows(made) if f["Type"] == "L7" and f["verdict"] == "DROPPED"]
    assert len(refused) == 2


def test_a_deny_rule_beats_an_allow_and_names_itself() -> None:
    made = world()
    policy(
        made,
        "koornacht",
        {
            "endpointSelector": {"matchLabels": {"name": "rebel-base"}},
            "ingress": [{"fromEntities": ["all"]}],
            "ingressDeny": [{"fromEndpoints": [{"matchLabels": {"name": "x-wing"}}]}],
        },
    )
    assert answered_by(curl(made, "koornacht")) == {"timeout"}
    verdicts = [f for f in flows(made) if f["event_type"]["type"] == 5]
    assert {f["drop_reason_desc"] for f in verdicts} == {"POLICY_DENY"}
    assert {p["name"] for f in verdicts for p in f["ingress_denied_by"]} == {"test"}


def test_an_http_rule_answers_what_it_refuses_itself() -> None:
    made = world()
    port = {"ports": [{"port": "80", "protocol": "TCP"}], "rules": {"http": [{"method": "GET", "path": "/"}]}}
    policy(
        made,
        "koornacht",
        {
            "endpointSelector": {"matchLabels": {"name": "rebel-base"}},
            "ingress": [{"fromEndpoints": [{}], "toPorts": [port]}],
        },
    )
    (fine,) = curl(made, "koornacht")
    (refused,) = curl(made, "koornacht", path="/admin")
    assert (fine.status, refused.status) == (200, 403)
    logged = [f["Summary"] for f in flows(made) if f["Type"] == "L7" and f["verdict"] == "DROPPED"]
    assert logged == ["HTTP/1.1 GET http://rebel-base/admin"]


def test_eight_clusters_of_a_mesh_all_answer() -> None:
    made = world("global", clusters=8, nodes=2)
    everyone = {name.title() for name in made.clusters}
    assert answered_by(curl(made, "hoth", count=150)) == everyone
    numbers = {f["source"]["identity"] >> 16 for f in flows(made) if f["source"].get("pod_name")}
    assert numbers == set(range(1, 9))
