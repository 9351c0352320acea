"""Core's verdicts against Cilium's own engine (see tests/recordings/policy-cases), as the simulator's are, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from meshtui.cilium.config import CiliumConfig
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus
from meshtui.core.model.reduce import reduce
from meshtui.core.policy import Decision, Party, PodRef, Rulebook, TrafficDirection, direction_verdict
from meshtui.core.policy.labels import Labels
from meshtui.core.policy.parties import of_pod
from tests.policycases import load
from tests.sim.policycases import PLURAL, slices

Object = dict[str, Any]
LETTERS = {
    Decision.NOT_ENFORCED: ".", Decision.ALLOWED: "A", Decision.REDIRECTED: "R", Decision.DENIED: "D",
    Decision.DEFAULT_DENY: "x", Decision.UNKNOWN: "?",
}  # fmt: skip

PLAIN = {"a": "A", "r": "R"}
"""Core tells authentication apart from the decision."""


def mesh_of(case: Object, population: Object) -> s.Mesh:
    """The case's clusters, as a session would have read them."""
    major, minor = case["version"].split(".")
    clusters = population["clusters"]
    mesh = s.Mesh({n: s.Cluster(n, n[0].upper(), i) for i, n in enumerate(clusters)})
    for name, cluster in clusters.items():
        own = name == case["cluster"]
        data = {"cluster-name": name, "cluster-id": str(cluster["id"]), **(case["config"] if own else {})}
        reduce(mesh, s.ConfigRead(name, CiliumConfig(name, cluster["id"], data, (int(major), int(minor)))))
        known = [{"name": other, "connected": True, "ready": True} for other in clusters if other != name]
        reduce(mesh, s.AgentRead(name, "node-1", msgspec.convert({"cluster-mesh": {"clusters": known}}, AgentStatus)))
        objects = {k: cluster[k] for k in ("namespaces", "pods", "services")}
        objects["endpointslices"] = [{"addressType": "IPv4", "ports": [], **piece} for piece in slices(cluster)]
        for policy in case["policies"] if own else ():
            objects.setdefault(PLURAL[policy["kind"]][1], []).append(policy)
        for resource in r.WATCHED:
            decoded = [msgspec.convert(raw, resource.struct) for raw in objects.get(resource.plural, ())]
            reduce(mesh, s.Listed(name, resource, {item.key: item for item in decoded}, 0.0))
    return mesh


def peers_of(case: Object, population: Object, mesh: s.Mesh, me: Party) -> Iterator[Party]:
    """Everybody a subject is held against, in the order of the letters."""
    for name, cluster in sorted(population["clusters"].items()):
        for pod in cluster["pods"]:
            if not pod["spec"].get("hostNetwork"):
                yield of_pod(mesh, PodRef(name, pod["metadata"]["namespace"], pod["metadata"]["name"]))
    for one in population["others"]:
        if one["name"] in case.get("without", ()):
            continue
        labels = case.get("peer_labels", {}).get(one["name"]) or one["labels"] or ["reserved:world"]
        cluster, _, node = one.get("node", "/").partition("/")
        if one["name"] == "host":  # the subject's own node
            cluster, node = me.cluster, me.node
        yield Party("", cluster, one["name"], Labels.parse(labels), ip=one["ip"], node=node, enforced=False)


def judge(case: Object, head: Object) -> Iterator[tuple[str, str, str, int, int]]:
    """(where, Cilium's letter, core's, Cilium's match type, core's) of every decision."""
    population = case["population"]
    population = head["populations"][population] if isinstance(population, str) else population
    mesh = mesh_of(case, population)
    book = Rulebook(mesh)
    ports = case.get("ports") or head["ports"]
    given = {name: sides for names, sides in case["answers"].items() for name in names.split()}
    for pod in population["clusters"][case["cluster"]]["pods"]:
        if pod["spec"].get("hostNetwork"):
            continue
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        me = of_pod(mesh, PodRef(case["cluster"], *name.split("/")))
        peers = list(peers_of(case, population, mesh, me))
        for direction in TrafficDirection:
            rows: dict[int, list[str]] = {}
            for row, indices in given.get(name, {}).get(direction.value, {}).items():
                rows.update({int(i): row.split("/") for i in indices})
            for index, (protocol, port) in enumerate(ports):
                letters, kinds = rows.get(index) or ("." * len(peers), "0" * len(peers))
                for peer, theirs, kind in zip(peers, letters, kinds, strict=True):
                    found = direction_verdict(book, me, peer, direction, protocol, port)
                    where = f"{case['id']} {name} {direction.value} {protocol}/{port} {peer.name}"
                    yield where, theirs, LETTERS[found.decision], int(kind), found.match_type


@pytest.mark.timeout(300)
def test_core_decides_as_the_engine_or_says_that_it_does_not_know() -> None:
    head, cases = load()
    count: Counter[str] = Counter()
    wrong = []
    for case in cases:
        for where, theirs, ours, kind, our_kind in judge(case, head):
            if theirs == ours == ".":
                continue
            count["enforced"] += 1
            if ours == "?":
                count["unknown"] += 1
            elif (PLAIN.get(theirs, theirs), kind) != (ours, our_kind):
                wrong.append((where, theirs, ours, kind, our_kind))
    assert wrong == []
    assert count["enforced"] > 200_000
    assert count["unknown"] < count["enforced"] / 500, "names and CIDR groups alone are not known"
