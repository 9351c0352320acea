"""The operator at work: synchronised EndpointSlices, the MCS-API's objects, and requests by their names."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from meshtui.sim.clock import RealClock
from meshtui.sim.controllers.loop import Loop
from meshtui.sim.datapath import request
from meshtui.sim.datapath.exports import imports
from meshtui.sim.datapath.names import lookups
from meshtui.sim.datapath.view import MCS_EXPORTS, MCS_IMPORTS, view
from meshtui.sim.operator.exports import derived_name
from meshtui.sim.operator.mcsapi import DEFINITIONS
from meshtui.sim.operator.running import Operator
from meshtui.sim.world import World
from tests.sim.worlds import pod, world

SERVICES, SLICES, CONFIGMAPS = ("", "services"), ("discovery.k8s.io", "endpointslices"), ("", "configmaps")
SYNC, MCS = "clustermesh-enable-endpoint-sync", "clustermesh-enable-mcs-api"
K, T = "koornacht", "tion"
SLICED = "service.cilium.io/global-sync-endpoint-slices"
SOURCE = "multicluster.kubernetes.io/source-cluster"


class Bench:
    """A world whose operators move when they are told to."""

    def __init__(self, option: str, **options: Any) -> None:
        self.world: World = world("global", **options)
        self.operators = {}
        for name, cluster in self.world.clusters.items():
            config = copy.deepcopy(cluster.store.get(CONFIGMAPS, "kube-system", "cilium-config"))
            assert config is not None
            config["data"][option] = "true"
            cluster.store.update(CONFIGMAPS, config)
            operator = Operator(Loop(cluster))
            for other in self.world.clusters.values():
                other.store.subscribe(operator._changed)
            self.operators[name] = operator
        self.tick()

    def tick(self) -> None:
        for _ in range(3):
            for operator in self.operators.values():
                operator.tick()

    def store(self, cluster: str) -> Any:
        return self.world.clusters[cluster].store

    def change(self, cluster: str, edit: Any, name: str = "rebel-base") -> None:
        service = copy.deepcopy(self.store(cluster).get(SERVICES, "default", name))
        edit(service)
        self.store(cluster).update(SERVICES, service)
        self.tick()

    def export(self, cluster: str, **spec: Any) -> None:
        meta = {"name": "rebel-base", "namespace": "default"}
        made = {"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceExport", "metadata": meta}
        self.store(cluster).create(MCS_EXPORTS, {**made, **({"spec": spec} if spec else {})})
        self.tick()

    def conditions(self, cluster: str) -> dict[str, tuple[str, str]]:
        held = self.store(cluster).get(MCS_EXPORTS, "default", "rebel-base")["status"]["conditions"]
        return {c["type"]: (c["status"], c["reason"]) for c in held}

    def mirrored(self, cluster: str, name: str = "rebel-base") -> list[dict[str, Any]]:
        found = self.store(cluster).list(SLICES, "default")
        marks = [(s, s["metadata"].get("labels") or {}) for s in found]
        manager = "endpointslice-mesh-controller.cilium.io"
        return [
            s for s, labels in marks
            if labels.get("endpointslice.kubernetes.io/managed-by") == manager
            and labels["kubernetes.io/service-name"] == name
        ]  # fmt: skip

    def addresses(self, cluster: str) -> set[str]:
        found = view(self.world.clusters[cluster]).service_slices("default", "rebel-base")
        return {a for s in found for e in s["endpoints"] or () for a in e["addresses"]}

    def answers(self, host: str, port: int = 80, times: int = 12) -> set[str]:
        """Clusters that answer a pod of the first one; empty when nobody does."""
        cluster = self.world.clusters[K]
        self.world.clock = RealClock()

        async def ask() -> set[str]:
            found = set()
            for _ in range(times):
                got = await request(self.world, cluster, pod(cluster), host, port, max_time=1.0)
                found.add("Tion" if b"Tion" in got.body else "Koornacht" if b"Koornacht" in got.body else "")
            return found

        return asyncio.run(ask()) - {""}


def headless(service: dict[str, Any]) -> None:
    service["spec"] |= {"clusterIP": "None", "clusterIPs": ["None"]}


def test_headless_global_services_get_slices_of_the_other_cluster() -> None:
    bench = Bench(SYNC)
    assert bench.mirrored(K) == []  # a Service with an address needs none
    bench.change(K, headless)
    (piece,) = bench.mirrored(K)
    labels = piece["metadata"]["labels"]
    assert (labels[SOURCE], labels["kubernetes.io/service-name"]) == (T, "rebel-base")
    assert {a for e in piece["endpoints"] for a in e["addresses"]} == bench.addresses(T)
    assert {(e["nodeName"], e["zone"]) for e in piece["endpoints"]} == {(T, T)}
    assert piece["metadata"]["ownerReferences"][0]["name"] == "rebel-base"
    known = view(bench.world.clusters[K])
    assert set(lookups(known, "rebel-base", "default")[-1].ips or ()) == bench.addresses(K) | bench.addresses(T)


def test_mirrored_slices_count_nothing_for_the_load_balancer() -> None:
    bench = Bench(SYNC)
    bench.change(
        K, lambda s: s["metadata"]["annotations"].update({"service.cilium.io/global-sync-endpoint-slices": "true"})
    )
    assert len(bench.mirrored(K)) == 1
    assert {a for s in bench.mirrored(K) for e in s["endpoints"] for a in e["addresses"]}.isdisjoint(bench.addresses(K))


def test_slices_follow_what_the_other_cluster_exports() -> None:
    bench = Bench(SYNC)
    bench.change(K, headless)
    bench.change(T, lambda s: s["metadata"]["annotations"].update({"service.cilium.io/shared": "false"}))
    assert bench.mirrored(K) == []
    bench.change(T, lambda s: s["metadata"]["annotations"].pop("service.cilium.io/shared"))
    assert len(bench.mirrored(K)) == 1
    bench.change(K, lambda s: s["metadata"]["annotations"].update({SLICED: "no"}))
    assert bench.mirrored(K) == []


def test_the_alias_does_not_make_slices() -> None:
    bench = Bench(SYNC)

    def alias(service: dict[str, Any]) -> None:
        headless(service)
        service["metadata"]["annotations"] = {"io.cilium/global-service": "true"}

    bench.change(K, alias)
    assert bench.mirrored(K) == []


def test_what_was_heard_before_a_cut_stays() -> None:
    bench = Bench(SYNC)
    bench.change(K, headless)
    imports(bench.world).freeze(bench.world, K, T, {})
    bench.change(T, lambda s: s["metadata"]["annotations"].update({"service.cilium.io/shared": "false"}))
    assert len(bench.mirrored(K)) == 1
    imports(bench.world).thaw(K, T)
    bench.tick()
    assert bench.mirrored(K) == []


def test_an_export_makes_an_import_and_a_derived_service_in_every_cluster() -> None:
    bench = Bench(MCS)
    bench.export(T)
    name = derived_name("default", "rebel-base")
    assert bench.conditions(T) == {
        "Valid": ("True", "Valid"), "Ready": ("True", "Ready"), "Conflict": ("False", "NoConflicts"),
    }  # fmt: skip
    for cluster in (K, T):
        imported = bench.store(cluster).get(MCS_IMPORTS, "default", "rebel-base")
        derived = bench.store(cluster).get(SERVICES, "default", name)
        assert imported["status"]["clusters"] == [{"cluster": T}]
        assert imported["spec"]["ips"] == [derived["spec"]["clusterIP"]]
        assert derived["metadata"]["annotations"]["service.cilium.io/global"] == "true"
        assert derived["metadata"]["labels"][SOURCE] == cluster
    assert bench.answers("rebel-base.default.svc.clusterset.local") == {"Tion"}
    bench.export(K)
    assert bench.answers("rebel-base.default.svc.clusterset.local", times=30) == {"Koornacht", "Tion"}


def test_the_definitions_come_with_the_option() -> None:
    made = {d["metadata"]["name"] for d in Bench(MCS).store(K).list(DEFINITIONS)}
    assert {"serviceexports.multicluster.x-k8s.io", "serviceimports.multicluster.x-k8s.io"} <= made
    without = Bench(SYNC).store(K).list(DEFINITIONS)
    assert not any("multicluster" in d["metadata"]["name"] for d in without)


def test_an_import_goes_with_its_last_export() -> None:
    bench = Bench(MCS)
    bench.export(T)
    bench.store(T).delete(MCS_EXPORTS, "default", "rebel-base")
    bench.tick()
    assert bench.store(K).get(MCS_IMPORTS, "default", "rebel-base") is None
    assert bench.answers("rebel-base.default.svc.clusterset.local", times=1) == set()


def test_an_export_without_a_service_says_so() -> None:
    bench = Bench(MCS)
    bench.store(T).delete(SERVICES, "default", "rebel-base")
    bench.export(T)
    assert bench.conditions(T) == {"Valid": ("False", "NoService"), "Ready": ("False", "Pending")}
    assert bench.store(K).get(MCS_IMPORTS, "default", "rebel-base") is None


def test_before_1_19_there_is_no_ready_condition() -> None:
    bench = Bench(MCS, cilium_version="1.18")
    bench.export(T)
    assert set(bench.conditions(T)) == {"Valid", "Conflict"}


def test_ports_that_disagree_are_a_conflict_and_the_odd_ones_are_left_out() -> None:
    bench = Bench(MCS)
    bench.export(K)
    asyncio.run(bench.world.clock.advance(5))  # type: ignore[attr-defined]

    def other(service: dict[str, Any]) -> None:
        service["spec"]["ports"] = [{**service["spec"]["ports"][0], "port": 8080}]

    bench.change(T, other)
    bench.export(T)
    assert bench.conditions(K)["Conflict"] == ("True", "PortConflict")
    assert bench.conditions(T)["Conflict"] == ("True", "PortConflict")
    name = derived_name("default", "rebel-base")
    assert [p["port"] for p in bench.store(T).get(SERVICES, "default", name)["spec"]["ports"]] == [80]
    assert bench.answers("rebel-base.default.svc.clusterset.local") == {"Koornacht"}


def test_a_headless_export_has_no_address() -> None:
    bench = Bench(MCS)
    bench.change(T, headless)
    bench.export(T)
    imported = bench.store(K).get(MCS_IMPORTS, "default", "rebel-base")
    assert imported["spec"]["type"] == "Headless"
    assert "ips" not in imported["spec"]
    assert bench.store(K).get(SERVICES, "default", derived_name("default", "rebel-base"))["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("option", [SYNC, MCS])
def test_nothing_happens_without_the_option(option: str) -> None:
    bench = Bench(option)
    config = copy.deepcopy(bench.store(K).get(CONFIGMAPS, "kube-system", "cilium-config"))
    config["data"].pop(option)
    bench.store(K).update(CONFIGMAPS, config)
    bench.change(K, headless)
    bench.export(T)
    assert bench.mirrored(K) == []
    assert bench.store(K).get(MCS_IMPORTS, "default", "rebel-base") is None


def test_a_second_port_is_served_by_both_clusters() -> None:
    bench = Bench(SYNC)

    def second(service: dict[str, Any]) -> None:
        first = {**service["spec"]["ports"][0], "name": "http"}
        service["spec"]["ports"] = [first, {**first, "name": "admin", "port": 8080}]

    for cluster in (K, T):
        pieces = copy.deepcopy(list(view(bench.world.clusters[cluster]).service_slices("default", "rebel-base")))
        bench.change(cluster, second)
        for piece in pieces:
            piece["ports"] = [{**piece["ports"][0], "name": name} for name in ("http", "admin")]
            bench.store(cluster).update(SLICES, piece)
    assert bench.answers("rebel-base", 80, times=30) == {"Koornacht", "Tion"}
    assert bench.answers("rebel-base", 8080, times=30) == {"Koornacht", "Tion"}
