"""The services table: rows, filters, order, and increments that equal a fresh build."""

from __future__ import annotations

import random

import msgspec
import pytest

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import annotations as a
from meshtui.core.services.cells import build_row
from meshtui.core.services.table import ServiceTable, Sort, View, rows, table_json
from tests.core import meshes, recorded
from tests.core.meshes import GLOBAL, KEY, put, web


def test_the_recorded_service():
    row = build_row(recorded.mesh_of(6), recorded.KEY)
    left, right = row.cells
    assert (left.effective.global_, left.effective.shared, left.effective.affinity) == (True, True, a.Affinity.LOCAL)
    assert (right.ready, right.total, right.kind, right.ports) == (2, 2, "ClusterIP", "80/TCP")
    assert row.meshed
    assert not row.fault
    assert build_row(recorded.mesh_of(7), recorded.KEY).cells[0].fault


def test_a_missing_service_is_missing_and_an_unlisted_one_unknown():
    mesh = meshes.mesh("a", "b", "c")
    web(mesh, "a", GLOBAL, 1)
    del mesh.clusters["c"].objects[r.SERVICES]
    cells = build_row(mesh, KEY).cells
    assert [(c.present, c.known) for c in cells] == [(True, True), (False, True), (False, False)]
    assert build_row(mesh, KEY).fault, "global in one cluster only"


def test_named_ports_and_headless():
    mesh = meshes.mesh()
    ports = [{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    put(mesh, "a", meshes.service(clusterIP="None", ports=ports))
    cell = build_row(mesh, KEY).cells[0]
    assert (cell.kind, cell.ports) == ("Headless", "http 80/TCP, dns 53/UDP")


def varied():
    mesh = meshes.mesh()
    for number, (key, marks, ready) in enumerate(
        [("kube-system/dns", {}, True), ("shop/Cart", GLOBAL, False), ("default/kubernetes", {}, True), (KEY, {}, True)]
    ):
        for context in mesh.clusters:
            put(mesh, context, meshes.service(marks, key=key))
            put(mesh, context, meshes.endpointslice([meshes.endpoint(f"10.0.0.{number}", ready=ready)], key=key))
    return mesh


@pytest.mark.parametrize(
    ("view", "keys"),
    [
        (View(), ["shop/Cart", KEY, "default/kubernetes", "kube-system/dns"]),
        (View(sort=Sort.NAME), ["default/kubernetes", KEY, "kube-system/dns", "shop/Cart"]),
        (View(sort=Sort.FAULT), ["shop/Cart", "default/kubernetes", KEY, "kube-system/dns"]),
        (View(sort=Sort.READY), ["shop/Cart", "default/kubernetes", KEY, "kube-system/dns"]),
        (View(text="CART"), ["shop/Cart"]),
        (View(faults_only=True), ["shop/Cart"]),
        (View(mesh_only=True), ["shop/Cart"]),
        (View(namespaces=frozenset({"default"})), [KEY, "default/kubernetes"]),
    ],
)
def test_views(view, keys):
    assert [row.key for row in rows(varied(), view)] == keys


def test_another_view_of_the_same_table():
    table = ServiceTable(varied())
    assert table.index(KEY) == 1
    table.look(View(mesh_only=True))
    assert (table.keys, len(table), table.index(KEY)) == (["shop/Cart"], 1, None)
    assert table.row(KEY) is not None


def random_change(mesh, rng):
    context = rng.choice(list(mesh.clusters))
    key = f"default/s{rng.randrange(6)}"
    match rng.randrange(7):
        case 0 | 1:
            choice = rng.choice([{}, GLOBAL, {**GLOBAL, a.SHARED: "false"}, {a.AFFINITY: "local"}])
            return put(mesh, context, meshes.service(choice, key=key))
        case 2:
            return meshes.remove(mesh, context, r.SERVICES, key)
        case 3 | 4:
            count = rng.randrange(3)
            backends = [meshes.endpoint(f"10.0.0.{i}", ready=rng.random() < 0.8) for i in range(count)]
            return put(mesh, context, meshes.endpointslice(backends, key=key, name=f"x{rng.randrange(9)}"))
        case 5:
            return meshes.remove(mesh, context, r.ENDPOINTSLICES, f"default/x{rng.randrange(9)}")
        case _:
            if rng.random() < 0.5:
                return reduce(mesh, s.ConfigRead(context, CiliumConfig(context, 7, {}, (1, rng.randrange(17, 22)))))
            value = rng.choice(["true", "false"])
            raw = {"metadata": {"name": "default", "annotations": {a.NAMESPACE_GLOBAL: value}}}
            return put(mesh, context, msgspec.convert(raw, o.Namespace))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sort", list(Sort))
def test_increments_equal_a_fresh_table(seed, sort):
    rng = random.Random(seed)
    mesh = meshes.mesh("a", "b", "c")
    table = ServiceTable(mesh, View(sort=sort, faults_only=seed == 0))
    for _ in range(60):
        table.update(random_change(mesh, rng))
        fresh = ServiceTable(mesh, table.view)
        assert table.keys == fresh.keys
        assert [table[i] for i in range(len(table))] == [fresh[i] for i in range(len(fresh))]
        assert [table.index(key) for key in table.keys] == list(range(len(table)))


def test_only_what_changed_is_rebuilt():
    mesh = varied()
    table = ServiceTable(mesh)
    untouched = table.row("kube-system/dns")
    assert table.update(put(mesh, "a", meshes.service(GLOBAL))) == {KEY}
    assert table.row("kube-system/dns") is untouched
    assert table.update(s.Delta(status={"a"})) == set()


def test_json_tells_written_from_effective():
    mesh = meshes.mesh()
    web(mesh, "a", {a.AFFINITY: "local"}, 1)
    told = table_json(build_row(mesh, KEY), {"a": "alpha"})
    assert told["clusters"][0]["cluster"] == "alpha"
    assert told["clusters"][0]["written"] == {"global": None, "shared": None, "affinity": "local"}
    assert told["clusters"][0]["affinity"] == "none"
    assert told["clusters"][1] == {"cluster": "b", "context": "b", "present": False, "known": True}


@pytest.mark.parametrize("seed", range(4))
def test_portions_end_at_the_same_table(seed):
    rng = random.Random(seed)
    mesh = meshes.mesh("a", "b", "c")
    for _ in range(30):
        random_change(mesh, rng)
    table = ServiceTable(mesh, lazy=True)
    assert len(table) == 0
    while table.backlog:
        table.work(2)
        table.note(random_change(mesh, rng)) if rng.random() < 0.7 else None
    fresh = ServiceTable(mesh)
    assert [table[i] for i in range(len(table))] == [fresh[i] for i in range(len(fresh))]


def test_the_version_grows_only_when_the_order_changes_and_altered_names_what_is_different():
    mesh = varied()
    table = ServiceTable(mesh)
    version = table.version
    table.update(put(mesh, "a", meshes.endpointslice([meshes.endpoint("10.0.0.3", ready=False)], key=KEY)))
    assert (table.version, table.altered()) == (version, {KEY})
    assert table.altered() == set()
    table.update(put(mesh, "a", meshes.service(GLOBAL)))
    assert table.version > version
