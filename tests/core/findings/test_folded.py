"""One reason is told once for a cluster, not once for each of its nodes."""

from __future__ import annotations

from meshtui.core.findings.folded import Fold, folded
from meshtui.core.findings.model import Finding, Fix, Kind
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.model.severity import Severity
from tests.core import meshes


def mesh_with(nodes: int) -> s.Mesh:
    mesh = meshes.mesh("a", "b")
    for context in ("a", "b"):
        made = {f"w{n}": o.Node(o.Meta(name=f"w{n}"), o.NodeSpec(), o.NodeStatus()) for n in range(nodes)}
        reduce(mesh, s.Listed(context, r.NODES, made, 0.0))
    return mesh


def hung(context: str, node: str, since: float = 10.0) -> Finding:
    sentence = f"the agent on {context}/{node} does not answer"
    return Finding(Kind.AGENT_HUNG, Severity.WARNING, (context,), f"{context}/{node}", sentence, ("timeout",),
                   advice=f"kubectl logs {node}", since=since)  # fmt: skip


def test_nodes_of_one_cluster_with_the_same_trouble_are_told_together() -> None:
    mesh = mesh_with(12)
    found = [hung("a", f"w{n}", 20.0 - n) for n in range(11, -1, -1)] + [hung("b", "w1")]
    service = Finding(Kind.NO_BACKENDS, Severity.ERROR, ("a",), "shop/w1", "nobody serves")
    fold, other, last = folded([*found, service], mesh)
    assert isinstance(fold, Fold)
    assert fold.told.sentence == "12 nodes of a: w0, w1, w2, w3 and 8 more"
    assert fold.told.since == 9.0, "since the first of them"
    assert fold.told.advice == "kubectl logs w11"
    assert len(fold.members) == 12
    assert other is found[-1], "another cluster's is another"
    assert last is service


def test_two_nodes_and_what_can_be_mended_stand_by_themselves() -> None:
    mesh = mesh_with(5)
    two = [hung("a", "w1"), hung("a", "w2")]
    assert folded(two, mesh) == two
    fix = (Fix("a", "shop/x", "global", "true"),)
    mendable = [Finding(Kind.GLOBAL_ALONE, Severity.WARNING, ("a",), f"a/w{n}", "x", fixes=fix) for n in range(4)]
    assert folded(mendable, mesh) == mendable
    services = [Finding(Kind.NO_BACKENDS, Severity.ERROR, ("a",), f"shop/s{n}", "nobody serves") for n in range(9)]
    assert folded(services, mesh) == services
