"""One connection checked before a packet is sent."""

from __future__ import annotations

import pytest

from meshtui.core.errors import UsageError
from meshtui.core.reach.check import check
from tests.core.recorded import mesh_of


def words(step, source, target):
    return [(row.destination_cluster, row.word) for row in check(mesh_of(step), source, target, "default")]


def test_a_service_is_judged_backend_by_backend():
    two = [("koornacht", "allowed")] * 2
    assert words(14, "koornacht/x-wing", "rebel-base") == [*two, *[("tion", "allowed")] * 2]
    assert words(13, "koornacht/x-wing", "default/rebel-base:80") == [*two, *[("tion", "denied")] * 2]
    assert {word for _, word in words(10, "tion/default/x-wing", "rebel-base")} == {"denied"}


def test_a_workload_an_address_and_the_reason():
    found = check(mesh_of(13), "koornacht/x-wing", "tion/default/rebel-base:80/tcp", "default")
    assert [row.word for row in found] == ["denied"]
    assert "means koornacht only" in found[0].why
    assert found[0].fix.startswith("in koornacht, add to the toEndpoints selector")
    assert words(10, "koornacht/x-wing", "192.0.2.7:443") == [("", "denied")]
    assert words(4, "koornacht/x-wing", "[2001:db8::1]:443/UDP") == [("", "allowed")]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("x-wing", "rebel-base"), ("hoth/x-wing", "rebel-base"), ("koornacht/nobody", "rebel-base"),
        ("koornacht/x-wing", "nothing"), ("koornacht/x-wing", "192.0.2.7"), ("koornacht/x-wing", "tion/x-wing:0"),
        ("koornacht/x-wing", "rebel-base:80/QUIC"), ("koornacht/x-wing", "a:b:c"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_a_usage_error(source, target):
    with pytest.raises(UsageError):
        check(mesh_of(4), source, target, "default")


def test_a_service_nobody_is_behind_reaches_nobody():
    found = check(mesh_of(4), "koornacht/x-wing", "rebel-base:81", "default")
    assert [(row.word, row.verdict) for row in found] == [("nobody", None)]
