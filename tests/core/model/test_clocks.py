"""Clocks that differ: what an answer's Date proves, whose clock is meant, and what is said."""

from __future__ import annotations

import pytest

from meshtui.core.findings import findings
from meshtui.core.findings.model import Kind
from meshtui.core.model import clocks
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from tests.core import meshes


@pytest.mark.parametrize(
    ("date", "sent", "received", "offset"),
    [
        (100.0, 100.2, 100.3, 0.0),  # the header leaves out the part of a second
        (100.0, 100.9, 101.5, 0.0),
        (100.0, 40.0, 99.0, 1.0),  # slow, and still certain: it cannot have been made after it came
        (160.0, 100.0, 100.1, 59.9),
        (40.0, 100.0, 100.1, -59.0),
        (40.0, 10.0, 100.0, 0.0),  # a minute on the way: nothing is proven
    ],
)
def test_what_the_date_of_an_answer_proves(date, sent, received, offset):
    assert clocks.proven_offset(date, sent, received) == pytest.approx(offset)


def told(*offsets, **nodes):
    mesh = meshes.mesh()
    for context, offset in zip(mesh.clusters, offsets, strict=False):
        reduce(mesh, s.ClockRead(context, offset))
    for context, found in nodes.items():
        reduce(mesh, s.ClockRead(context, nodes=found))
    return mesh


def sentences(mesh):
    return [finding.sentence for finding in findings(mesh) if finding.kind is Kind.CLOCK_OFF]


def test_one_clock_that_is_off_is_its_own_and_all_of_them_are_ours():
    assert sentences(told(0.0, 3.0)) == []
    assert sentences(told(0.0, -190.0)) == ["the clock of b's API server is 3 min behind this machine's"]
    assert sentences(told(40.0, 41.0)) == ["this machine's clock is 40 s behind the clocks of all 2 API servers"]
    # Both off, not by the same: neither can be ours alone.
    assert len(sentences(told(40.0, -300.0))) == 2


def test_a_node_is_named_by_the_times_of_its_flows_unless_our_clock_explains_them():
    assert sentences(told(0.0, 0.0, a={"a/n1": 30.0})) == [
        "the clock of node a/n1 is 30 s ahead of this machine's, by the times of its flows"
    ]
    assert len(sentences(told(30.0, 30.0, a={"a/n1": 30.0}))) == 1


def test_an_offset_that_stays_is_no_news():
    mesh = told(40.0, 0.0)
    assert not reduce(mesh, s.ClockRead("a", 40.9))
    assert reduce(mesh, s.ClockRead("a", 0.0)).status == {"a"}
    assert not sentences(mesh)
