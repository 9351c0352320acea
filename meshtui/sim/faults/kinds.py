"""Every fault there is: its parameters, what it does when it begins and how it is undone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshtui.sim.crd import definitions
from meshtui.sim.datapath.exports import imports
from meshtui.sim.faults import outages
from meshtui.sim.faults.active import Fault
from meshtui.sim.options import known
from meshtui.sim.relay import serving
from meshtui.sim.seed import set_version
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
POLICIES = ("cilium.io", "ciliumnetworkpolicies")
BAD_POLICY = "meshtui-invalid"


Act = Callable[[World, Fault], None]


def _nothing(world: World, fault: Fault) -> None:
    """Faults that are only looked up."""


@dataclass(frozen=True)
class Kind:
    """What a fault takes and does."""

    about: str
    """One sentence."""
    takes: tuple[str, ...]
    begin: Act = _nothing
    end: Act = _nothing
    offers: tuple[Object, ...] = ({},)
    """Parameters worth trying, beside cluster and node: what a menu shows."""


def parse(spec: Object, clusters: tuple[str, ...]) -> Fault:
    """A fault from its JSON form. Raises ValueError with a sentence on anything unknown or out of range."""
    name = spec.get("fault")
    if name not in KINDS:
        raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(KINDS))}")
    values = {k: v for k, v in spec.items() if k != "fault" and v is not None}
    unknown = sorted(set(values) - set(KINDS[name].takes))
    if unknown:
        raise ValueError(f"{name} takes {', '.join(KINDS[name].takes) or 'no parameters'}; not {', '.join(unknown)}")
    for key in ("cluster", "between"):
        named = values.get(key) or ()
        for cluster in (named,) if isinstance(named, str) else named:
            if cluster not in clusters:
                raise ValueError(f"unknown cluster {cluster!r}; known: {', '.join(clusters)}")
    _numbers(values)
    if "between" in values:
        if len(values["between"]) != 2:
            raise ValueError("between takes two clusters")
        values["between"] = tuple(sorted(values["between"]))
    if name == "cilium-version":
        try:
            known(str(values.get("version", "")))
        except ValueError:
            raise ValueError("cilium-version needs a version like 1.19") from None
    return Fault(name, tuple(sorted(values.items())))


def _numbers(values: Object) -> None:
    for key, low, high in (("ms", 0, 600_000), ("percent", 0, 100), ("seconds", -1e6, 1e6)):
        if key in values:
            try:
                number = float(values[key])
            except (TypeError, ValueError):
                raise ValueError(f"{key} must be a number, not {values[key]!r}") from None
            if not low <= number <= high:
                raise ValueError(f"{key} must be between {low:g} and {high:g}")
            values[key] = number


def _clusters(world: World, fault: Fault) -> list[SimCluster]:
    return [c for c in world.clusters.values() if fault.about(c.name)]


def _pairs(world: World, fault: Fault) -> list[tuple[str, str]]:
    """(reader, source) pairs whose exchange of services a fault breaks."""
    names = list(world.clusters)
    pairs = [(a, b) for a in names for b in names if a != b]
    if fault.name == "link-cut":
        return [p for p in pairs if fault.between(*p)]
    if fault.name == "api-down":
        return [p for p in pairs if fault.about(p[1])]
    return [p for p in pairs if fault.about(p[0])]


def _freeze(world: World, fault: Fault) -> None:
    for reader, source in _pairs(world, fault):
        imports(world).freeze(world, reader, source)


def _thaw(world: World, fault: Fault) -> None:
    """Let through what no other active fault still holds back."""
    held = set()
    for other in world.faults.held():
        if other.name in ("link-cut", "kvstoremesh-down", "api-down"):
            held.update(_pairs(world, other))
    for pair in _pairs(world, fault):
        if pair not in held:
            imports(world).thaw(*pair)


def _expire(world: World, fault: Fault) -> None:
    for cluster in _clusters(world, fault):
        cluster.store.compact()


COMPONENTS = {
    "agent-down": ("cilium", "cilium-agent"),
    "relay-down": ("hubble-relay", "hubble-relay"),
    "kvstoremesh-down": ("clustermesh-apiserver", "kvstoremesh"),
}
"""Label `k8s-app` and container of what a fault stops."""


def _mark(world: World, fault: Fault, *, ready: bool) -> None:
    node = fault.get("node")
    for cluster in _clusters(world, fault):
        outages.mark(cluster, *COMPONENTS[fault.name], [node] if node else None, ready=ready)


def _down(world: World, fault: Fault) -> None:
    _mark(world, fault, ready=False)
    serving.sync(world)


def _up(world: World, fault: Fault) -> None:
    _mark(world, fault, ready=True)
    serving.sync(world)


def _restarted(world: World, fault: Fault) -> None:
    """Agents that come back are new ones: what their rings held and counted is gone."""
    for cluster in _clusters(world, fault):
        for node in [n for n in cluster.rings if fault.hits_node(n)]:
            if not world.faults.agent_down(cluster.name, node):
                del cluster.rings[node]
    _up(world, fault)


def _silence(world: World, fault: Fault) -> None:
    _freeze(world, fault)
    _mark(world, fault, ready=False)


def _hear(world: World, fault: Fault) -> None:
    _thaw(world, fault)
    _mark(world, fault, ready=True)


def _invalid_policy(world: World, fault: Fault) -> None:
    """Put a policy there that passes the API's schema and that the agent then refuses."""
    for cluster in _clusters(world, fault):
        if cluster.store.get(POLICIES, "default", BAD_POLICY) is None:
            cluster.store.create(
                POLICIES,
                {
                    "apiVersion": "cilium.io/v2",
                    "kind": "CiliumNetworkPolicy",
                    "metadata": {"name": BAD_POLICY, "namespace": "default", "generation": 1},
                    "spec": {
                        "endpointSelector": {},
                        "ingress": [{"fromEndpoints": [{}], "fromEntities": ["cluster"]}],
                    },
                },
            )


def _remove_policy(world: World, fault: Fault) -> None:
    for cluster in _clusters(world, fault):
        if cluster.store.get(POLICIES, "default", BAD_POLICY) is not None:
            cluster.store.delete(POLICIES, "default", BAD_POLICY)


def _set_version(world: World, fault: Fault) -> None:
    for cluster in _clusters(world, fault):
        _write_version(cluster, fault.text("version", ""))


def _reset_version(world: World, fault: Fault) -> None:
    for cluster in _clusters(world, fault):
        _write_version(cluster, world.options.version_of(cluster.name))


def _write_version(cluster: SimCluster, version: str) -> None:
    found = cluster.store.get(("", "configmaps"), "kube-system", "cilium-config")
    if found is None:
        return
    changed = copy.deepcopy(found)
    set_version(changed["data"], version)
    cluster.store.update(("", "configmaps"), changed)
    _redefine(cluster, version, found["metadata"]["creationTimestamp"])
    chart = f"cilium-{version if version.count('.') == 2 else version + '.0'}"
    agents = cluster.store.get(("apps", "daemonsets"), "kube-system", "cilium")
    if agents is not None:
        changed = copy.deepcopy(agents)
        changed["metadata"].setdefault("labels", {})["helm.sh/chart"] = chart
        cluster.store.update(("apps", "daemonsets"), changed)


def _redefine(cluster: SimCluster, version: str, created: str) -> None:
    """The operator of another version brings its own definitions; those it does not know stay."""
    for wanted in definitions.objects(known(version), created, cluster.name):
        held = cluster.store.get(DEFINITIONS, "", wanted["metadata"]["name"])
        if held is None:
            cluster.store.create(DEFINITIONS, wanted)
        elif held["spec"] != wanted["spec"]:
            cluster.store.update(DEFINITIONS, {**copy.deepcopy(held), "spec": wanted["spec"]})


KINDS: dict[str, Kind] = {
    "link-cut": Kind(
        "No packet passes between clusters, and every status goes on saying ready.", ("between",), _freeze, _thaw
    ),
    "link-slow": Kind(
        "Packets between clusters take `ms` longer, one way.", ("between", "ms"), offers=({"ms": 100}, {"ms": 900})
    ),
    "agent-down": Kind(
        "A node's agent does not answer; its datapath lives on. Back, its ring is empty.",
        ("cluster", "node"),
        _down,
        _restarted,
    ),
    "node-down": Kind("A node is dead: NotReady, its pods out of every Service.", ("cluster", "node")),
    "relay-down": Kind("A cluster's Hubble Relay is gone.", ("cluster",), _down, _up),
    "kvstoremesh-down": Kind("A cluster hears no news of the others.", ("cluster",), _silence, _hear),
    "api-down": Kind("A cluster's API server does not answer.", ("cluster",), _freeze, _thaw),
    "watch-expire": Kind("Every watch ends with 410 Gone, and again every two seconds.", ("cluster",), _expire),
    "forbid": Kind(
        "The API server answers 403 to a verb, a resource, or both.",
        ("cluster", "verb", "resource"),
        offers=({"verb": "patch"}, {"resource": "pods/exec"}),
    ),
    "latency": Kind(
        "Everything takes `ms` longer on the API, the data path or both (`where`: api, data, all).",
        ("cluster", "ms", "where"),
        offers=({"ms": 300}, {"ms": 300, "where": "data"}),
    ),
    "loss": Kind("`percent` of packets are lost.", ("cluster", "percent"), offers=({"percent": 20},)),
    "ring-overrun": Kind(
        "A node's agent loses `percent` of its flow events.", ("cluster", "node", "percent"), offers=({"percent": 80},)
    ),
    "clock-skew": Kind("A node's clock is `seconds` ahead.", ("cluster", "node", "seconds"), offers=({"seconds": 30},)),
    "invalid-policy": Kind("A policy is there that the agent refuses.", ("cluster",), _invalid_policy, _remove_policy),
    "cilium-version": Kind(
        "Cilium is another version, with that version's rules.",
        ("cluster", "version"),
        _set_version,
        _reset_version,
        ({"version": "1.17"}, {"version": "1.18"}, {"version": "1.19"}),
    ),
}
