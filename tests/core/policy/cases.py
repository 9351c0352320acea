"""Policy sets with the verdicts of Cilium's own engine, given to core's evaluator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.reduce import reduce
from meshtui.core.policy import (
    Decision,
    DirectionVerdict,
    Party,
    PodRef,
    Rulebook,
    TrafficDirection,
    direction_verdict,
    of_pod,
)
from meshtui.core.policy.labels import Labels

LETTER = {
    Decision.NOT_ENFORCED: ".", Decision.ALLOWED: "A", Decision.REDIRECTED: "R", Decision.DENIED: "D",
    Decision.DEFAULT_DENY: "x", Decision.UNKNOWN: "?",
}  # fmt: skip
PLURAL = {
    "CiliumNetworkPolicy": "ciliumnetworkpolicies",
    "CiliumClusterwideNetworkPolicy": "ciliumclusterwidenetworkpolicies",
    "NetworkPolicy": "networkpolicies",
}
Case = dict[str, Any]


class Answer(NamedTuple):
    """What both say of one connection: letters as the file's head explains them, `?` not known, and match types."""

    place: tuple[Any, ...]
    theirs: str
    ours: str
    match: int
    our_match: int

    @property
    def enforced(self) -> bool:
        return not self.theirs == self.ours == "."


def letter(found: DirectionVerdict) -> str:
    plain = LETTER[found.decision]
    return plain.lower() if found.authenticate else plain


def slices(cluster: Case) -> list[Case]:
    """The EndpointSlices of Services without a selector; others are resolved by it."""
    made = []
    for service in cluster["services"]:
        meta = service["metadata"]
        ends = [{"addresses": [b.split("/")[0]], "conditions": {"ready": True}} for b in service.get("backends") or ()]
        named = {"name": f"{meta['name']}-1", "namespace": meta["namespace"]}
        named["labels"] = {"kubernetes.io/service-name": meta["name"]}
        made.append({"metadata": named, "addressType": "IPv4", "endpoints": ends, "ports": [{"port": 80}]})
    return made


def mesh_of(case: Case, population: Case) -> s.Mesh:
    version = tuple(map(int, case["version"].split(".")))
    mesh = s.Mesh({n: s.Cluster(n, n[0].upper(), i) for i, n in enumerate(population["clusters"])})
    for name, cluster in population["clusters"].items():
        data = {"cluster-name": name, **(case["config"] if name == case["cluster"] else {})}
        reduce(mesh, s.ConfigRead(name, CiliumConfig(name, cluster["id"], data, version)))
        objects = {k: cluster[k] for k in ("namespaces", "pods", "services")} | {"endpointslices": slices(cluster)}
        for policy in case["policies"] if name == case["cluster"] else ():
            objects.setdefault(PLURAL[policy["kind"]], []).append(policy)
        for resource in r.WATCHED:
            decoded = [msgspec.convert(raw, resource.struct) for raw in objects.get(resource.plural, ())]
            reduce(mesh, s.Listed(name, resource, {item.key: item for item in decoded}, 0.0))
    return mesh


def peers_of(case: Case, population: Case, mesh: s.Mesh, me: Party) -> list[tuple[str, Party]]:
    found = []
    for name, cluster in sorted(population["clusters"].items()):
        for pod in cluster["pods"]:
            meta = pod["metadata"]
            if not pod["spec"].get("hostNetwork"):
                found.append((meta["name"], of_pod(mesh, PodRef(name, meta["namespace"], meta["name"]))))
    for one in population["others"]:
        if one["name"] in case.get("without", ()):
            continue
        labels = case.get("peer_labels", {}).get(one["name"]) or one["labels"] or ["reserved:world"]
        cluster, _, node = one.get("node", "/").partition("/")
        if one["name"] == "host":
            cluster, node = me.cluster, me.node
        party = Party("", cluster, one["name"], Labels.parse(labels), ip=one["ip"], node=node, enforced=False)
        found.append((one["name"], party))
    return found


def answers(case: Case, head: Case) -> Iterator[Answer]:
    """Every pod of the enforcing cluster, both directions, every port and peer."""
    population = case["population"] if isinstance(case["population"], dict) else head["populations"][case["population"]]
    mesh = mesh_of(case, population)
    book = Rulebook(mesh)
    given = {name: sides for names, sides in case["answers"].items() for name in names.split()}
    for pod in population["clusters"][case["cluster"]]["pods"]:
        if pod["spec"].get("hostNetwork"):
            continue
        meta = pod["metadata"]
        subject = f"{meta['namespace']}/{meta['name']}"
        me = of_pod(mesh, PodRef(case["cluster"], meta["namespace"], meta["name"]))
        peers = peers_of(case, population, mesh, me)
        for direction in TrafficDirection:
            rows = {}
            for row, indices in given.get(subject, {}).get(direction.value, {}).items():
                rows.update(dict.fromkeys(map(int, indices), row.split("/")))
            for index, (protocol, port) in enumerate(case.get("ports") or head["ports"]):
                letters, types = rows.get(index) or ("." * len(peers), "0" * len(peers))
                for (name, peer), theirs, kind in zip(peers, letters, types, strict=True):
                    found = direction_verdict(book, me, peer, direction, protocol, port)
                    place = (case["id"], subject, direction.value, protocol, port, name)
                    yield Answer(place, theirs, letter(found), int(kind), found.match_type)
