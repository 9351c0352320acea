"""One recorded step: what a specification can say of it, held against the recording and against the simulator."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from meshtui.sim import agents
from meshtui.sim.world import SimCluster
from tests.sim.spec import objects
from tests.sim.spec.flows import Flow, Kind, connections, normal, role, traffic
from tests.sim.spec.story import story
from tests.sim.worlds import answered_by, curl, recorded_connections, recorded_status, world

IDS = {"koornacht": 1, "tion": 2}
REPORTS = recorded_status()
SERVICE = "services default/rebel-base"
PREFIX = "service.cilium.io/"


class Step:
    """A world started in a recorded step's state, beside the recording."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.world = world(name)
        self.reports = REPORTS.get(name, {})

    @property
    def clusters(self) -> list[SimCluster]:
        """Both clusters."""
        return list(self.world.clusters.values())

    # What the API servers hold

    def objects(self, like: str = "", but: tuple[str, ...] = ()) -> None:
        """All objects of all recorded kinds are, field by field, as recorded: at this step, or, where none were
        recorded, as at the step `like` except those of `but` (`CLUSTER KIND NAMESPACE/NAME`).
        """
        differ = {f"{c.name} {d}" for c in self.clusters for d in objects.differences(c, like or self.name)}
        assert differ == set(but)

    def annotations(self, **written: str) -> None:
        """What is written on each cluster's rebel-base, `global=true affinity=local`."""
        for cluster in self.clusters:
            service = cluster.store.get(("", "services"), "default", "rebel-base") or {}
            found = {k: v for k, v in service["metadata"].get("annotations", {}).items() if k.startswith(PREFIX)}
            assert found == {PREFIX + k: v for k, v in (w.split("=") for w in written[cluster.name].split())}

    def policies(self, **names: str) -> None:
        """Which CiliumNetworkPolicies each cluster has, all of them found valid."""
        for cluster in self.clusters:
            found = cluster.store.list(("cilium.io", "ciliumnetworkpolicies"))
            assert [p["metadata"]["name"] for p in found] == sorted(names[cluster.name].split())
            assert all(p["status"]["conditions"][0]["status"] == "True" for p in found)

    # What Cilium says of itself

    def agents_agree(self) -> None:
        """Every agent's status knows as much of the other cluster, of addresses and of redirects as recorded."""
        for cluster in self.clusters:
            status = agents.agent_status(self.world, cluster, f"{cluster.name}-control-plane")
            report = self.reports[cluster.name]
            assert [_remote(c) for c in status["cluster-mesh"]["clusters"]] == [
                _remote(c) for c in report["cluster-mesh"]
            ]
            assert sorted(status) == report["keys"]
            assert len(status["ipam"]["ipv4"]) == report["ipam"]
            assert len(status["proxy"]["redirects"] or []) == len(report["redirects"])

    def service_tables_agree(self) -> None:
        """Every agent's service table is the recorded one, ids, backends and flags included."""
        for cluster in self.clusters:
            mine = agents.service_list(self.world, cluster, f"{cluster.name}-control-plane")
            assert [s["spec"] for s in mine] == self.reports[cluster.name]["services"]
            assert all(s["spec"] == s["status"]["realized"] for s in mine)

    def kvstoremesh_agrees(self) -> None:
        """KVStoreMesh reports what was recorded of it."""
        for cluster in self.clusters:
            mine = agents.kvstoremesh_status(self.world, cluster)
            assert [_remote(c) for c in mine] == [_remote(c) for c in self.reports[cluster.name]["kvstoremesh"]]

    def health_probes(self, *, reach: bool) -> None:
        """cilium-health's probes of the other cluster's node arrive, or fail in the words recorded."""
        for cluster in self.clusters:
            mine = agents.health(self.world, cluster, f"{cluster.name}-control-plane")
            remote = next(n for n in mine["nodes"] if not n["name"].startswith(cluster.name))
            assert ('"status"' not in json.dumps(remote)) is reach
            if not reach:
                assert _shape(mine) == _shape(self.reports[cluster.name]["health"])

    def reports_agree(self, *, link: bool = True, tables: bool = True) -> None:
        """All of Cilium's reports; `link`: whether packets pass between the clusters."""
        self.agents_agree()
        self.kvstoremesh_agrees()
        self.health_probes(reach=link)
        if tables:
            self.service_tables_agree()

    # What requests meet

    def answers(self, **by: str) -> None:
        """Who answers each cluster's x-wing, of `Koornacht`, `Tion`, `timeout`: simulated, and recorded."""
        for cluster in self.clusters:
            wanted = set(by[cluster.name].split())
            assert answered_by(curl(self.world, cluster.name, count=24)) == wanted
            curls = self.reports[cluster.name]["curl"]
            assert set(re.findall(r'"Cluster": "(\w+)"', curls)) | ({"timeout"} if "#28" in curls else set()) == wanted

    @cached_property
    def simulated(self) -> dict[Kind, list[list[Flow]]]:
        """Connections of many simulated requests, by who talks to whom."""
        return connections(traffic(world(self.name)))

    @cached_property
    def recorded(self) -> dict[Kind, list[list[Flow]]]:
        """One recorded connection of each kind."""
        return connections(recorded_connections(self.name))

    def flows_are_as_recorded(self) -> None:
        """Every kind of connection that was recorded leaves the same flows, field by field."""
        assert len(self.recorded) >= 5
        for kind, (wanted, *_) in self.recorded.items():
            assert kind in self.simulated, f"nothing simulated of {kind}"
            for mine in self.simulated[kind]:
                assert sorted(map(normal, mine)) == sorted(map(normal, wanted)), kind

    def request(self, client: str, server: str, told: str) -> None:
        """A request from `client`'s x-wing to `server`'s rebel-base leaves this story."""
        self._tell(("TCP", f"x-wing@{client}", f"rebel-base@{server}"), client, server, told)

    def lookups(self, told: str) -> None:
        """Before every request each cluster's x-wing looks the name up, and that leaves this story."""
        for cluster in self.clusters:
            self._tell(("UDP", f"x-wing@{cluster.name}", f"coredns@{cluster.name}"), cluster.name, cluster.name, told)

    def probes(self, told: str, *clusters: str) -> None:
        """The kubelets' probes in the background leave this story."""
        for name in clusters or IDS:
            kinds = [k for k in self.simulated if k[1].startswith("reserved:host") and k[2] == f"rebel-base@{name}"]
            assert kinds
            self._tell(kinds[0], name, name, told)

    def _tell(self, kind: Kind, client: str, server: str, told: str) -> None:
        service = self.world.clusters[client].store.get(("", "services"), "default", "rebel-base") or {}
        text = told.format(c=client, s=server, i=IDS[client], j=IDS[server], vip=service["spec"]["clusterIP"])
        wanted = _heard(text.strip().splitlines(), kind)
        found = [("simulated", c) for c in self.simulated[kind]]
        found += [("recorded", c) for c in self.recorded.get(kind, ())] if self.has_flows else []
        assert found
        for where, flows in found:
            assert _heard(story(flows).splitlines(), kind) == wanted, where
        others = {role(f["source"]) for _, flows in found for f in flows if not f.get("is_reply")}
        assert others <= {kind[1], kind[2]}

    @property
    def has_flows(self) -> bool:
        """Whether flows were recorded at this step; during the cut there were none."""
        return self.name != "15-link-cut"


def _heard(lines: list[str], kind: Kind) -> dict[str, list[str]]:
    """What each node tells, in order; what a kubelet asks and what it hears are two orders, a proxy keeps none."""
    heard: dict[str, list[str]] = {}
    for text in lines:
        node, _, rest = text.partition("  ")
        way = ("reply" if "  reply  " in rest else "request") if kind[1].startswith("reserved") else ""
        heard.setdefault(f"{node} {way}", []).append(rest)
    return {key: sorted(told) if kind[0] == "UDP" else told for key, told in heard.items()}


def _remote(cluster: dict[str, Any]) -> dict[str, Any]:
    """A RemoteCluster without what differs from one run to the next: etcd's id and when it last failed."""
    return {
        **cluster,
        "status": cluster["status"].partition(", ID:")[0],
        "last-failure": bool(cluster["last-failure"]),
    }


def _shape(report: dict[str, Any]) -> str:
    """A report without times and latencies."""
    text = re.sub(r'"latency": \d+', '"latency": 0', json.dumps(report, sort_keys=True))
    return re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', '"then"', text)
