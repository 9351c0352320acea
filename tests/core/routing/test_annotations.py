"""Exact reading of mesh annotations, by version."""

from __future__ import annotations

import msgspec
import pytest

from meshtui.core.model import objects as o
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.routing import annotations as a
from meshtui.core.routing.annotations import Affinity, effective, read
from tests.core.meshes import GLOBAL, service


def config(version=(1, 21), **data):
    return CiliumConfig("a", 1, {k.replace("_", "-"): v for k, v in data.items()}, version)


def namespace(value=None):
    annotations = {} if value is None else {a.NAMESPACE_GLOBAL: value}
    return msgspec.convert({"metadata": {"name": "default", "annotations": annotations}}, o.Namespace)


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "tRuE"])
def test_true_in_any_case(value):
    assert a.is_true(value)


@pytest.mark.parametrize("value", [None, "", "1", "yes", "t", "on", " true", "true ", "false", "wahr"])
def test_nothing_else_is_true(value):
    assert not a.is_true(value)


@pytest.mark.parametrize("key", list(a.ALIASES))
def test_the_new_key_wins_over_its_alias_even_when_empty(key):
    alias = a.ALIASES[key]
    assert read({}, key).value is None
    assert read({alias: "true"}, key) == a.Written("true", alias)
    assert read({key: "", alias: "true"}, key) == a.Written("", key, (alias, "true"))
    assert read({key: "x"}, key) == a.Written("x", key)


TRUTH = [
    # global, shared → merges remote, exported
    ({}, False, False),
    ({a.GLOBAL: "false"}, False, False),
    ({a.SHARED: "true"}, False, False),
    ({a.GLOBAL: "no", a.SHARED: "true"}, False, False),
    ({a.GLOBAL: "true"}, True, True),
    ({a.GLOBAL: "true", a.SHARED: "true"}, True, True),
    ({a.GLOBAL: "true", a.SHARED: "false"}, True, False),
    ({a.GLOBAL: "true", a.SHARED: "yes"}, True, False),
    ({a.GLOBAL: "true", a.SHARED: ""}, True, False),
    ({a.ALIASES[a.GLOBAL]: "true", a.ALIASES[a.SHARED]: "false"}, True, False),
    ({a.GLOBAL: "", a.ALIASES[a.GLOBAL]: "true"}, False, False),
]


@pytest.mark.parametrize(("annotations", "merges", "exported"), TRUTH)
def test_truth_table(annotations, merges, exported):
    found = effective(service(annotations), namespace(), config())
    assert (found.global_, found.exported) == (merges, exported)


AFFINITIES = [
    (None, (1, 21), Affinity.NONE),
    ("", (1, 18), Affinity.NONE),
    ("local", (1, 18), Affinity.LOCAL),
    ("LOCAL", (1, 21), Affinity.LOCAL),
    ("Remote", (1, 19), Affinity.REMOTE),
    ("none", (1, 17), Affinity.NONE),
    ("none", (1, 18), Affinity.DROPS_REMOTE),
    ("None", (1, 19), Affinity.DROPS_REMOTE),
    ("typo", (1, 19), Affinity.DROPS_REMOTE),
    ("none", (1, 21), Affinity.NONE),
    ("local ", (1, 21), Affinity.NONE),
    ("none", (0, 0), Affinity.NONE),
]


@pytest.mark.parametrize(("value", "version", "meaning"), AFFINITIES)
def test_affinity_by_version(value, version, meaning):
    annotations = dict(GLOBAL) if value is None else {**GLOBAL, a.AFFINITY: value}
    assert effective(service(annotations), namespace(), config(version)).affinity is meaning


def test_affinity_and_shared_are_inactive_without_global():
    found = effective(service({a.AFFINITY: "local", a.SHARED: "true"}), namespace(), config())
    assert found.affinity is Affinity.NONE
    assert (found.inactive("affinity"), found.inactive("shared"), found.inactive("global")) == (True, True, False)
    assert found.written("affinity").value == "local"
    assert not effective(service({**GLOBAL, a.AFFINITY: "local"}), namespace(), config()).inactive("affinity")


@pytest.mark.parametrize(
    ("version", "value", "default", "takes_part"),
    [
        ((1, 18), "false", "false", True),
        ((1, 19), None, "true", True),
        ((1, 19), None, "false", True),
        ((1, 20), None, "false", False),
        ((1, 21), "True", "false", True),
        ((1, 21), "yes", "true", False),
        ((1, 21), "", "true", False),
        ((0, 0), "false", "true", False),
    ],
)
def test_services_pass_the_namespace_gate_until_1_20(version, value, default, takes_part):
    where = config(version, clustermesh_default_global_namespace=default)
    found = effective(service(GLOBAL), namespace(value), where)
    assert (found.namespace_global, found.exported) == (takes_part, takes_part)
    assert found.shared
    assert a.namespace_is_global(None, None)


@pytest.mark.parametrize(
    ("annotations", "headless", "option", "synced"),
    [
        (GLOBAL, True, "true", True),
        (GLOBAL, False, "true", False),
        ({**GLOBAL, a.SYNC_SLICES: "true"}, False, "true", True),
        ({**GLOBAL, a.SYNC_SLICES: "no"}, True, "true", False),
        (GLOBAL, True, "false", False),
        ({}, True, "true", False),
        ({a.ALIASES[a.GLOBAL]: "true"}, True, "true", False),
    ],
)
def test_endpoint_slice_synchronisation(annotations, headless, option, synced):
    where = config(clustermesh_enable_endpoint_sync=option)
    found = effective(service(annotations, clusterIP="None" if headless else "172.20.0.9"), namespace(), where)
    assert (found.synced_slices, found.headless) == (synced, headless)
    assert not effective(service(annotations), namespace(), None).synced_slices


def test_changed_sets_and_deletes_without_touching_the_original():
    before = service({**GLOBAL, "other": "kept"})
    after = a.changed(before, {a.GLOBAL: None, a.SHARED: "false"})
    assert after.annotations == {"other": "kept", a.SHARED: "false"}
    assert before.annotations == {**GLOBAL, "other": "kept"}
