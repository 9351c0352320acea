"""Policy sets with the verdicts of Cilium's own engine, given to the simulator's rule book."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from meshtui.sim.clock import ManualClock
from meshtui.sim.datapath.identity import WORLD, Party, of_pod
from meshtui.sim.datapath.policy import AUTH_REQUIRED, DENIED_BY_RULE, Decision, decide
from meshtui.sim.datapath.view import View, view
from meshtui.sim.faults.fault import Fault
from meshtui.sim.options import CLUSTER_NAMES, SimOptions
from meshtui.sim.world import World

Object = dict[str, Any]
PLURAL = {
    "CiliumNetworkPolicy": ("cilium.io", "ciliumnetworkpolicies"),
    "CiliumClusterwideNetworkPolicy": ("cilium.io", "ciliumclusterwidenetworkpolicies"),
    "NetworkPolicy": ("networking.k8s.io", "networkpolicies"),
}


@dataclass(frozen=True)
class Answer:
    """What both say of one connection."""

    subject: str
    way: str
    protocol: str
    port: int
    peer: str
    theirs: str
    """Cilium's letter."""
    ours: str
    match: int
    """Cilium's match type."""
    our_match: int

    @property
    def enforced(self) -> bool:
        """Whether it is a decision at all, for either."""
        return not self.theirs == self.ours == "."

    @property
    def agrees(self) -> bool:
        """Whether both let it pass, or both do not."""
        return (self.theirs in ".AaRr") == (self.ours in ".AaRr")


def slices(cluster: Object) -> list[Object]:
    """The EndpointSlices that the control plane would make."""
    found = []
    for service in cluster["services"]:
        meta, selector = service["metadata"], service["spec"]["selector"]
        ends = [
            p["status"]["podIP"]
            for p in cluster["pods"]
            if selector and p["metadata"]["namespace"] == meta["namespace"] and not p["spec"].get("hostNetwork")
            and selector.items() <= p["metadata"]["labels"].items()
        ]  # fmt: skip
        ends += [b.split("/")[0] for b in service.get("backends") or ()]
        labels = {"kubernetes.io/service-name": meta["name"]}
        named = {"name": f"{meta['name']}-1", "namespace": meta["namespace"], "labels": labels}
        found.append({"metadata": named, "endpoints": [{"addresses": [ip]} for ip in ends]})
    return found


def world_of(case: Object, population: Object) -> World:
    """The case's clusters as simulated stores."""
    clusters = population["clusters"]
    assert list(clusters) == list(CLUSTER_NAMES[: len(clusters)])
    made = World(SimOptions(clusters=len(clusters)), clock=ManualClock())
    made.faults.add(Fault("cilium-version", (("version", case["version"]),)), 0.0)
    for name, cluster in clusters.items():
        store, own = made.clusters[name].store, name == case["cluster"]
        data = {"cluster-name": name, "cluster-id": str(cluster["id"]), **(case["config"] if own else {})}
        store.load(
            ("", "configmaps"), [{"metadata": {"name": "cilium-config", "namespace": "kube-system"}, "data": data}]
        )
        for plural in ("namespaces", "pods", "services"):
            store.load(("", plural), cluster[plural])
        store.load(("discovery.k8s.io", "endpointslices"), slices(cluster))
        store.load(("cilium.io", "ciliumcidrgroups"), population.get("cidrgroups", []))
        for policy in case["policies"] if own else ():
            store.load(PLURAL[policy["kind"]], [policy])
    return made


def peers_of(case: Object, population: Object, world: World, subject: Party) -> Iterator[tuple[str, Party]]:
    """Everybody a subject is held against, in the order of the letters."""
    for name, cluster in sorted(population["clusters"].items()):
        for pod in cluster["pods"]:
            if not pod["spec"].get("hostNetwork"):
                meta = pod["metadata"]
                yield f"{name}/{meta['namespace']}/{meta['name']}", of_pod(view(world.clusters[name]), pod)
    for one in population["others"]:
        if one["name"] in case.get("without", ()):
            continue
        labels = case.get("peer_labels", {}).get(one["name"]) or one["labels"] or ["reserved:world"]
        number = WORLD if one.get("cidr") else one["id"] or 7
        yield one["name"], Party(one["ip"], number, tuple(labels), subject.cluster, subject.node)


def letter(found: Decision) -> str:
    """A decision as the cases write it."""
    if not found.enforced:
        return "."
    if found.allowed:
        return "R" if found.proxied else "A"
    if found.reason == AUTH_REQUIRED:
        return "r" if found.proxied else "a"
    return "D" if found.reason == DENIED_BY_RULE else "x"


def judge(case: Object, head: Object) -> Iterator[Answer]:
    """Every decision of a case."""
    population = case["population"]
    population = head["populations"][population] if isinstance(population, str) else population
    world = world_of(case, population)
    known: View = view(world.clusters[case["cluster"]])
    ports = case.get("ports") or head["ports"]
    given = {name: sides for names, sides in case["answers"].items() for name in names.split()}
    for pod in population["clusters"][case["cluster"]]["pods"]:
        if pod["spec"].get("hostNetwork"):
            continue
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        subject = of_pod(known, pod)
        peers = list(peers_of(case, population, world, subject))
        for way in ("ingress", "egress"):
            rows: dict[int, list[str]] = {}
            for row, indices in given.get(name, {}).get(way, {}).items():
                rows.update({int(i): row.split("/") for i in indices})
            for index, (protocol, port) in enumerate(ports):
                letters, kinds = rows.get(index) or ("." * len(peers), "0" * len(peers))
                for (other, peer), theirs, kind in zip(peers, letters, kinds, strict=True):
                    found = decide(known, way, subject, peer, protocol, port)
                    yield Answer(name, way, protocol, port, other, theirs, letter(found), int(kind), found.match)
