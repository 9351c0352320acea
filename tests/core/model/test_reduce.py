"""The reducer on recorded lists: what it stores, indexes, and names as changed."""

from __future__ import annotations

import msgspec
import pytest

from meshtui.core.errors import Forbidden, MeshtuiError, Unreachable
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.objects import EndpointSlice, Meta, Service
from meshtui.core.model.reduce import reduce
from meshtui.core.model.slices import MANAGED_BY, MIRRORED, SERVICE_NAME
from tests.core.recorded import KEY, LISTS, items, mesh_of


def empty() -> s.Mesh:
    return s.Mesh({n: s.Cluster(n, n[0].upper(), i) for i, n in enumerate(("koornacht", "tion"))})


def slice_of(service: str, name: str, version: str = "1", **labels: str) -> EndpointSlice:
    metadata = Meta(name=name, namespace="default", resource_version=version, labels={SERVICE_NAME: service, **labels})
    return EndpointSlice(metadata=metadata)


@pytest.mark.parametrize("step", [3, 4, 10, 14])
@pytest.mark.parametrize("resource", LISTS)
def test_a_recorded_list_is_stored_whole_and_named_whole(step: int, resource: r.Resource) -> None:
    mesh = empty()
    listed = items(step, "koornacht", resource)
    delta = reduce(mesh, s.Listed("koornacht", resource, listed, 1.0))
    assert mesh.clusters["koornacht"].of(resource) == listed
    assert delta.objects.get(("koornacht", resource), set()) == set(listed)
    assert delta.status == {"koornacht"}
    assert not mesh.clusters["tion"].objects


@pytest.mark.parametrize("resource", LISTS)
def test_the_same_list_again_is_no_news(resource: r.Resource) -> None:
    mesh = empty()
    reduce(mesh, s.Listed("tion", resource, items(4, "tion", resource), 1.0))
    assert not reduce(mesh, s.Listed("tion", resource, items(4, "tion", resource), 2.0))


def test_a_relist_names_just_what_moved_between_two_recorded_steps() -> None:
    mesh = empty()
    reduce(mesh, s.Listed("koornacht", r.SERVICES, items(3, "koornacht", r.SERVICES), 1.0))
    delta = reduce(mesh, s.Listed("koornacht", r.SERVICES, items(4, "koornacht", r.SERVICES), 2.0))
    assert delta.objects == {("koornacht", r.SERVICES): {KEY}}
    assert mesh.clusters["koornacht"].services[KEY].annotations["service.cilium.io/global"] == "true"


def test_a_relist_drops_what_it_does_not_name() -> None:
    mesh = empty()
    listed = items(14, "koornacht", r.CNPS)
    reduce(mesh, s.Listed("koornacht", r.CNPS, listed, 1.0))
    delta = reduce(mesh, s.Listed("koornacht", r.CNPS, {}, 2.0))
    assert delta.objects == {("koornacht", r.CNPS): set(listed)}
    assert mesh.clusters["koornacht"].of(r.CNPS) == {}


def test_deleted_objects_go_and_deleting_twice_is_no_news() -> None:
    mesh = mesh_of(4)
    assert reduce(mesh, s.Changed("tion", r.SERVICES, {KEY: None}, 0.0)).objects == {("tion", r.SERVICES): {KEY}}
    assert KEY not in mesh.clusters["tion"].services
    assert not reduce(mesh, s.Changed("tion", r.SERVICES, {KEY: None}, 0.0))


def test_slices_are_indexed_by_their_service_in_the_recording() -> None:
    mesh = mesh_of(4)
    for cluster in mesh.clusters.values():
        keys = mesh.slices_of[cluster.context][KEY]
        assert len(keys) == 1
        assert all(key.startswith("default/rebel-base-") for key in keys)


def test_the_index_follows_a_slice_through_its_life() -> None:
    mesh = empty()

    def change(item: EndpointSlice | None) -> dict[str, set[str]]:
        reduce(mesh, s.Changed("tion", r.ENDPOINTSLICES, {"default/a": item}, 0.0))
        return mesh.slices_of["tion"]

    assert change(slice_of("one", "a")) == {"default/one": ("default/a",)}
    assert change(slice_of("two", "a", "2")) == {"default/two": ("default/a",)}
    assert change(None) == {}


def test_slices_mirrored_from_other_clusters_are_kept_and_not_indexed() -> None:
    mesh = empty()
    mirrored = slice_of("one", "m", **{MANAGED_BY: MIRRORED})
    reduce(mesh, s.Changed("tion", r.ENDPOINTSLICES, {"default/m": mirrored}, 0.0))
    assert mesh.clusters["tion"].endpointslices == {"default/m": mirrored}
    assert not mesh.slices_of["tion"]


def test_the_phase_and_its_time_move_together() -> None:
    mesh = empty()
    link = mesh.clusters["tion"].api
    down = Unreachable("no answer", context="tion")
    assert reduce(mesh, s.ApiChanged("tion", s.Phase.LIVE, 5.0, "1.36.2")).status == {"tion"}
    assert not reduce(mesh, s.ApiChanged("tion", s.Phase.LIVE, 6.0, "1.36.2"))
    assert link.since == 5.0
    assert reduce(mesh, s.ApiChanged("tion", s.Phase.STALE, 7.0, error=down))
    assert (link.phase, link.error, link.since) == (s.Phase.STALE, down, 7.0)
    assert mesh.clusters["tion"].version == "1.36.2"


def test_a_watch_that_is_refused_says_so_for_its_resource_alone() -> None:
    mesh = empty()
    error = Forbidden("cannot list pods", context="tion")
    reduce(mesh, s.WatchChanged("tion", r.PODS, s.Phase.FAILED, 1.0, error))
    reduce(mesh, s.WatchChanged("tion", r.NODES, s.Phase.LIVE, 1.0))
    watches = mesh.clusters["tion"].watches
    assert watches[r.PODS].error is error
    assert watches[r.NODES].error is None
    assert not reduce(mesh, s.WatchChanged("tion", r.NODES, s.Phase.LIVE, 2.0))


def test_a_config_renames_the_cluster_and_its_tag() -> None:
    mesh = s.Mesh({"ctx-a": s.Cluster("ctx-a", "CA", 0), "ctx-b": s.Cluster("ctx-b", "CB", 1)})
    first = reduce(mesh, s.ConfigRead("ctx-a", CiliumConfig("koornacht", 1, {})))
    assert first.status == {"ctx-a", "ctx-b"}
    reduce(mesh, s.ConfigRead("ctx-b", CiliumConfig("tion", 2, {})))
    assert [c.tag for c in mesh.clusters.values()] == ["K", "T"]
    assert not reduce(mesh, s.ConfigRead("ctx-b", CiliumConfig("tion", 2, {})))


def test_a_failed_read_keeps_what_was_known() -> None:
    mesh = mesh_of(4)
    cluster = mesh.clusters["tion"]
    config, agents = cluster.config, dict(cluster.agents)
    error = Unreachable("no answer", context="tion")
    reduce(mesh, s.ConfigRead("tion", None, error))
    reduce(mesh, s.AgentRead("tion", "tion-control-plane", None, error))
    reduce(mesh, s.KvstoremeshRead("tion", None, error))
    assert (cluster.config, cluster.agents) == (config, agents)
    assert cluster.agent_errors == {"tion-control-plane": error}
    assert cluster.config_error is cluster.kvstoremesh_error is error
    assert cluster.kvstoremesh


def test_a_node_that_is_gone_takes_its_agent_with_it() -> None:
    mesh = mesh_of(4)
    node = "tion-control-plane"
    reduce(mesh, s.Changed("tion", r.NODES, {node: Service(metadata=Meta(name=node))}, 0.0))
    assert node in mesh.clusters["tion"].agents
    delta = reduce(mesh, s.Changed("tion", r.NODES, {node: None}, 0.0))
    assert "tion" in delta.status
    assert not mesh.clusters["tion"].agents


def test_relay_fields_left_out_keep_their_value_and_losses_add_up() -> None:
    mesh = empty()
    reduce(mesh, s.RelayChanged("tion", 1.0, s.Phase.LIVE, s.FlowSource.RELAY_FORWARD, "unix:x", lost=2))
    reduce(mesh, s.RelayChanged("tion", 2.0, rate=3.5, lost=1))
    relay = mesh.clusters["tion"].relay
    assert (relay.source, relay.address, relay.rate, relay.lost) == (
        s.FlowSource.RELAY_FORWARD,
        "unix:x",
        3.5,
        3,
    )
    assert relay.link.phase is s.Phase.LIVE
    assert not reduce(mesh, s.RelayChanged("tion", 3.0, rate=3.5))


def test_rights_and_unknown_contexts() -> None:
    mesh = empty()
    assert reduce(mesh, s.AccessRead("tion", {"annotate": "no"})).status == {"tion"}
    assert not reduce(mesh, s.AccessRead("tion", {"annotate": "no"}))
    error = MeshtuiError("no answer")
    unknown = s.AccessRead("tion", {"scale": "no"}, {"annotate": error, "exec": error})
    assert reduce(mesh, unknown).status == {"tion"}
    assert mesh.clusters["tion"].denied == {"annotate": "no", "scale": "no"}, "what could not be asked stays"
    assert mesh.clusters["tion"].access_error is error
    assert reduce(mesh, s.AccessRead("tion", {})).status == {"tion"}
    assert (mesh.clusters["tion"].denied, mesh.clusters["tion"].access_error) == ({}, None)
    assert not reduce(mesh, s.AccessRead("elsewhere", {"annotate": "no"}))
    assert mesh.generation == 5


def test_an_object_without_versions_is_compared_by_its_fields() -> None:
    mesh = empty()
    plain = Service(metadata=Meta(name="a", namespace="default"))
    reduce(mesh, s.Changed("tion", r.SERVICES, {"default/a": plain}, 0.0))
    assert not reduce(mesh, s.Changed("tion", r.SERVICES, {"default/a": msgspec.structs.replace(plain)}, 0.0))
    moved = msgspec.structs.replace(plain, metadata=Meta(name="a", namespace="default", annotations={"x": "y"}))
    assert reduce(mesh, s.Changed("tion", r.SERVICES, {"default/a": moved}, 0.0))
