"""The policies of all clusters as rows: recorded steps, changes, refusals, and thousands of policies."""

from __future__ import annotations

import time

import msgspec
import pytest

from meshtui.core.errors import UsageError
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.policy.listing import Order, ordered, parse
from meshtui.core.policy.model import TrafficDirection
from meshtui.core.policy.overview import Overview, PolicyState, counted, json_of
from tests.core.recorded import mesh_of

INGRESS, EGRESS, DENY = "default/rebel-base-from-x-wing", "default/x-wing-to-rebel-base", "default/default-deny"


def change(mesh: s.Mesh, context: str, key: str, policy: o.Policy | None) -> s.Delta:
    return reduce(mesh, s.Changed(context, r.CNPS, {key: policy}, 1.0))


def test_recorded_steps_tell_who_has_what_whom_it_selects_and_what_it_does():
    expected = {10: {DENY}, 11: {DENY, EGRESS}, 12: {DENY, EGRESS, INGRESS}, 13: {DENY, EGRESS, INGRESS}}
    for step, names in {**expected, 14: {DENY, EGRESS, INGRESS}}.items():
        rows = {row.text: row for row in Overview(mesh_of(step)).rows()}
        assert set(rows) == names
        deny = rows[DENY]
        assert [cell.stand for cell in deny.cells] == [PolicyState.PRESENT, PolicyState.PRESENT]
        assert deny.closes == (TrafficDirection.INGRESS, TrafficDirection.EGRESS)
        assert counted(deny) == "koornacht 4, tion 4"
        assert deny.does == (
            "lets in nobody",
            "lets out to k8s-app=kube-dns of its own cluster in kube-system on UDP 53 through the dns proxy",
        )
        if EGRESS in names:
            where = "any cluster" if step == 14 else "its own cluster"
            assert rows[EGRESS].does == (f"lets out to name=rebel-base of {where} in default",)
            assert [cell.stand for cell in rows[EGRESS].cells] == [PolicyState.PRESENT, PolicyState.MISSING]
        if INGRESS in names:
            tion = PolicyState.MISSING if step == 12 else PolicyState.PRESENT
            assert [cell.stand for cell in rows[INGRESS].cells] == [PolicyState.PRESENT, tion]
            assert rows[INGRESS].does == ("lets in name=x-wing of koornacht in default",)


def test_a_change_is_seen_and_what_did_not_change_is_kept():
    mesh = mesh_of(14)
    overview = Overview(mesh)
    before = {row.text: row for row in overview.rows()}
    policy = mesh.clusters["tion"].of(r.CNPS)[INGRESS]
    spec = {**(policy.spec or {}), "ingress": [{}]}
    meta = msgspec.structs.replace(policy.metadata, resource_version="later")
    assert overview.note(change(mesh, "tion", INGRESS, msgspec.structs.replace(policy, spec=spec, metadata=meta)))
    after = {row.text: row for row in overview.rows()}
    assert [cell.stand for cell in after[INGRESS].cells] == [PolicyState.PRESENT, PolicyState.DIFFERS]
    told = ("at koornacht: lets in name=x-wing of koornacht in default", "at tion: lets in nobody")
    assert after[INGRESS].does == told
    assert after[DENY] is before[DENY]
    pods = mesh.clusters["tion"].pods
    gone = next(key for key in pods if "rebel-base" in key)
    assert overview.note(reduce(mesh, s.Changed("tion", r.PODS, {gone: None}, 2.0)))
    assert counted(overview.row((r.CNPS.plural, INGRESS))) == "koornacht 2, tion 1"


def test_a_refused_policy_says_who_refuses_it_and_selects_nobody():
    mesh = mesh_of(10)
    policy = mesh.clusters["tion"].of(r.CNPS)[DENY]
    meta = msgspec.structs.replace(policy.metadata, resource_version="later")
    change(mesh, "tion", DENY, msgspec.structs.replace(policy, spec={"endpointSelector": {}}, metadata=meta))
    [row] = Overview(mesh).rows()
    assert [cell.stand for cell in row.cells] == [PolicyState.PRESENT, PolicyState.REFUSED]
    assert row.cells[1].message.startswith("the agents: Invalid CiliumNetworkPolicy spec")
    assert counted(row) == "koornacht 4"
    assert row.cells[1].selects == ()


def test_what_was_not_listed_is_not_missing():
    mesh = mesh_of(10)
    del mesh.clusters["tion"].objects[r.CNPS]
    [row] = Overview(mesh).rows()
    assert row.cells[1].stand is PolicyState.UNKNOWN
    assert row.trouble == 0


def test_filter_and_order():
    rows = Overview(mesh_of(14)).rows()

    def shown(text: str) -> list[str]:
        return [row.name for row in rows if parse(text)(row)]

    assert shown("is:missing") == ["x-wing-to-rebel-base"]
    assert shown("in:tion closes:ingress !deny") == ["rebel-base-from-x-wing"]
    assert shown("any cluster") == ["x-wing-to-rebel-base"]
    assert shown("kind:networkpolicy ns:default") == shown("")
    assert next(row.name for row in ordered(rows, Order.TROUBLE)) == "x-wing-to-rebel-base"
    assert next(row.name for row in ordered(rows, Order.PODS)) == "default-deny"
    assert ordered(rows, Order.NAME, backwards=True) == list(reversed(ordered(rows, Order.NAME)))
    for wrong in ("is:purple", "kid:x"):
        with pytest.raises(UsageError):
            parse(wrong)


def test_three_thousand_policies_and_one_change():
    mesh = mesh_of(14)
    policy = mesh.clusters["tion"].of(r.CNPS)[INGRESS]
    for context in mesh.clusters:
        many = {}
        for n in range(3000):
            meta = msgspec.structs.replace(policy.metadata, name=f"p-{n}", resource_version=f"{n}")
            many[f"default/p-{n}"] = msgspec.structs.replace(policy, metadata=meta)
        reduce(mesh, s.Listed(context, r.CNPS, many, 1.0))
    overview = Overview(mesh)
    assert len(overview.rows()) == 3000
    meta = msgspec.structs.replace(policy.metadata, name="p-7", resource_version="new")
    overview.note(change(mesh, "tion", "default/p-7", msgspec.structs.replace(policy, spec={}, metadata=meta)))
    began = time.process_time()
    rows = overview.rows()
    assert time.process_time() - began < 0.5
    assert [row.name for row in rows if row.trouble] == ["p-7"]


def test_rows_as_plain_data():
    [row] = Overview(mesh_of(10)).rows()
    told = json_of(row)
    assert told["in"] == ["koornacht present", "tion present"]
    assert [cell["state"] for cell in told["clusters"]] == ["present", "present"]  # type: ignore[attr-defined]
