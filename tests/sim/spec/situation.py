"""One recorded fault beside the embedded mesh with the same fault, document by document at the same seconds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import lzma
import re
from collections import Counter
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

from meshtui.sim import agents, controllers
from meshtui.sim.clock import ManualClock
from meshtui.sim.datapath import request
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.relay.peers import peers
from meshtui.sim.world import SimCluster, World
from tests.sim.worlds import RECORDINGS, world

Object = dict[str, Any]
K, T = "koornacht", "tion"
GIVEN_UP = (60, 120)
"""Seconds after a break between which a connection is given up, whenever its last heartbeat was."""
_MASKS = (
    (r"\d+\.\d+\.\d+\.\d+:\d{5}->", "ADDRESS:PORT->"), (r"\d+\.\d+\.\d+\.\d+", "ADDRESS"), (r"ID: [0-9a-f]+", "ID"),
    (r"-control-plane|-worker\d?", "-node"), (r"Serial number: .*", "Serial number"), (r"(Not \w+:) .*", r"\1"),
)  # fmt: skip


@cache
def recorded() -> dict[str, Any]:
    """Fault → `documents` (second → cluster → document) and `requests` (kind, phase, second, cluster → outcomes)."""
    return dict(json.loads(lzma.decompress((RECORDINGS / "faults.json.xz").read_bytes())))


def masked(text: str) -> str:
    """A text without addresses, numbers of certificates and which node it is about."""
    for pattern, mark in _MASKS:
        text = re.sub(pattern, mark, text)
    return text


class Situation:
    """A mesh of the lab's shape with global services, and the recording of a fault in the real one."""

    def __init__(self, recording: str) -> None:
        self.world: World = world("global", nodes=3, cilium_version="1.20")
        self.recording = recorded()[recording]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Situation]:
        """With controllers at work."""
        async with contextlib.AsyncExitStack() as stack:
            for cluster in self.world.clusters.values():
                await stack.enter_async_context(controllers.running(cluster))
            yield self

    def break_(self, fault: str, **values: Any) -> None:
        """Break something now."""
        inject(self.world, {"fault": fault, **{k.rstrip("_"): v for k, v in values.items()}})
        self.began = self.world.clock.monotonic()

    def mend(self) -> None:
        """Mend everything now."""
        heal(self.world)

    async def at(self, seconds: float) -> None:
        """Let time pass until that many seconds after the break."""
        clock = self.world.clock
        assert isinstance(clock, ManualClock)
        await clock.advance(self.began + seconds - clock.monotonic())

    def document(self, seconds: int, cluster: str) -> Object:
        """What was recorded of a cluster then."""
        found: Object = self.recording["documents"][f"+{seconds}"][cluster]
        return found

    # Documents

    def links(self, seconds: int) -> None:
        """KVStoreMesh and every agent say of the other cluster what was recorded."""
        between = GIVEN_UP[0] < seconds < GIVEN_UP[1]
        for cluster in self.world.clusters.values():
            document = self.document(seconds, cluster.name)
            wanted = [_link(r) for r in document.get("kvstoremesh", ())]
            if "kvstoremesh" in document:
                mine = [_link(r) for r in agents.kvstoremesh_status(self.world, cluster)]
                assert mine == wanted or (between and mine[0]["connected"] != wanted[0]["connected"]), cluster.name
            said = [_link(r) for held in document["agents"].values() for r in held["clusters"]]
            for node in self._answering(cluster):
                status = agents.agent_status(self.world, cluster, node)
                (mine_of_agent,) = [_link(r) for r in status["cluster-mesh"]["clusters"]]
                assert mine_of_agent in said or between, (cluster.name, node)
                failing = [[c["name"], c["status"]["last-failure-msg"]] for c in status["controllers"] if _fails(c)]
                assert failing in [held["failing"] for held in document["agents"].values()]

    def troubleshoot(self, seconds: int) -> None:
        """`troubleshoot` of KVStoreMesh and of the agents ends at the same step, in the same words."""
        for cluster in self.world.clusters.values():
            wanted = self.document(seconds, cluster.name)["troubleshoot"]
            if "kvstoremesh" in wanted:
                mine = agents.kvstoremesh_troubleshoot(self.world, cluster, [])
                assert masked(mine) == masked(wanted["kvstoremesh"]), cluster.name
            for text in [t for who, t in wanted.items() if who != "kvstoremesh"]:
                node = self._answering(cluster)[0]
                assert masked(agents.troubleshoot(self.world, cluster, node, [])) == masked(text), cluster.name

    def health(self, seconds: int, about: str = "", mine: str = "") -> None:
        """Every probe since the break answered, or failed in the same words, as that of its kind in the recording.

        `about`: the node that the fault was about in the recording; `mine`: in the embedded mesh, if another.
        """
        wanted: dict[Any, set[str | None]] = {}
        for cluster in (K, T):
            for node, report in self.document(seconds, cluster)["health"].items():
                for target, kind, protocol, at, status, _ in report["probes"]:
                    if at is not None and at > (11 if status else 1):
                        key = (_relation(cluster, node, target, about), kind, protocol)
                        wanted.setdefault(key, set()).add(status and masked(status))
        seen = 0
        for cluster_ in self.world.clusters.values():
            for node in self._answering(cluster_):
                for target, kind, protocol, at, status in self._probes(cluster_, node):
                    key = (_relation(cluster_.name, node, target, mine or about), kind, protocol)
                    if at > (11 if status else 1) and key in wanted:
                        assert (status and masked(status)) in wanted[key], key
                        seen += 1
        assert seen

    def _probes(self, cluster: SimCluster, node: str) -> list[tuple[str, str, str, float, str | None]]:
        from datetime import datetime

        clock = self.world.clock
        found = []
        for each in agents.health(self.world, cluster, node)["nodes"]:
            for kind, held in (("host", each["host"]["primary-address"]), ("endpoint", each["endpoint"])):
                for protocol in ("icmp", "http"):
                    if protocol in held:
                        when = datetime.fromisoformat(held[protocol]["lastProbed"]).timestamp()
                        at = when - clock.now() + clock.monotonic() - self.began
                        found.append((each["name"], kind, protocol, at, held[protocol].get("status")))
        return found

    def relays(self, seconds: int, *clusters: str) -> None:
        """A Relay counts and names its peers as `hubble status` did, or is held up like it."""
        for name in clusters or (K, T):
            found = peers(self.world.clusters[name])
            text = self.document(seconds, name)["hubble"]
            if "Connected Nodes" not in text:
                assert any(p.held for p in found), name
                continue
            assert not any(p.held for p in found), name
            away = {p.name.partition("/")[0] for p in found if not p.available}
            assert away == {line.strip(" -").partition("/")[0] for line in text.splitlines() if line.startswith("  - ")}

    def objects(self, seconds: int, *names: str, mine: str = "") -> None:
        """Deployments and DaemonSets count their pods, nodes and endpoints say of themselves, what was recorded; of
        counts only whether all, some or none are there is compared, since the recorded lab had a worker less.
        """
        for cluster in self.world.clusters.values():
            wanted = self.document(seconds, cluster.name)["objects"]
            for name in names:
                kind, _, path = (mine or name).partition(" ")
                if name in wanted:
                    assert self._object(cluster, kind, path) == _shape(kind, wanted[name]), name

    def _object(self, cluster: SimCluster, kind: str, path: str) -> Any:
        namespace, _, name = path.partition("/")
        store = cluster.store
        if kind == "EndpointSlice":
            pieces = [
                e
                for s in store.list(("discovery.k8s.io", "endpointslices"), namespace)
                if s["metadata"]["labels"]["kubernetes.io/service-name"] == name
                for e in s.get("endpoints") or ()
            ]
            ends = [[e.get("nodeName"), e["conditions"]["ready"], e["conditions"]["serving"]] for e in pieces]
            return _shape(kind, ends)
        plural = {"Node": ("", "nodes"), "Deployment": ("apps", "deployments"), "DaemonSet": ("apps", "daemonsets")}
        held = store.get(plural[kind], namespace, name) or {}
        if kind == "Node":
            ready = next((c["status"], c["reason"]) for c in held["status"]["conditions"] if c["type"] == "Ready")
            taints = [[t["key"], t["effect"]] for t in held["spec"].get("taints") or ()]
            return _shape(kind, {"ready": ready, "taints": [t for t in taints if "control-plane" not in t[0]]})
        counts = dict(held.get("status") or {})
        return _shape(kind, counts | ({"wanted": held["spec"].get("replicas")} if kind == "Deployment" else {}))

    # Requests

    async def ask(self, cluster: str, count: int = 120, **options: Any) -> Counter[str]:
        """Outcomes of requests with `--max-time 1`, by who answered or curl's exit."""
        where, clock = self.world.clusters[cluster], self.world.clock
        assert isinstance(clock, ManualClock)
        pods = [p for p in where.store.list(("", "pods"), "default") if p["metadata"]["labels"].get("name") == "x-wing"]
        living = [p for p in pods if not self.world.faults.node_down(cluster, p["spec"]["nodeName"])]
        options = {"max_time": 1.0, **options}
        sent = [
            asyncio.ensure_future(request(self.world, where, living[n % len(living)], "rebel-base", 80, **options))
            for n in range(count)
        ]
        for _ in range(400):
            if all(task.done() for task in sent):
                break
            await clock.advance(0.02)
        results = [task.result() for task in sent]
        return Counter(json.loads(r.body)["Cluster"] if r.kind == "answered" else EXITS[r.kind] for r in results)

    async def seconds(self, cluster: str, by: str, count: int = 60) -> list[float]:
        """How long requests took that a cluster's pods answered."""
        where, clock = self.world.clusters[cluster], self.world.clock
        assert isinstance(clock, ManualClock)
        pod = next(p for p in where.store.list(("", "pods"), "default") if "x-wing" in p["metadata"]["name"])
        sent = [
            asyncio.ensure_future(request(self.world, where, pod, "rebel-base", 80, max_time=1.0)) for _ in range(count)
        ]
        for _ in range(100):
            await clock.advance(0.02)
        results = [task.result() for task in sent]
        return [r.seconds for r in results if r.kind == "answered" and json.loads(r.body)["Cluster"] == by]

    def recorded_seconds(self, cluster: str, by: str) -> list[float]:
        """How long those recorded took during the fault."""
        rows = [r for what, phase, _, found in self.recording["requests"] if phase == "fault" for r in found[cluster]]
        return [seconds for code, who, seconds in rows if who == by and not code]

    def recorded_outcomes(self, cluster: str, since: float, until: float, kind: str = "curls") -> Counter[str]:
        """The recorded outcomes of a time after the break."""
        found: Counter[str] = Counter()
        for what, phase, at, by in self.recording["requests"]:
            if (what, phase) == (kind, "fault") and since <= at <= until:
                found.update(who or (f"exit{code}" if code else "answered") for code, who, _ in by.get(cluster, ()))
        return found

    async def requests(self, since: float, until: float, kind: str = "curls", **options: Any) -> None:
        """Each cluster's requests meet what was recorded more than once: the same outcomes, about as often."""
        for cluster in (K, T):
            wanted = self.recorded_outcomes(cluster, since, until, kind)
            wanted = Counter({outcome: times for outcome, times in wanted.items() if times > 1})
            wanted.pop("answered", None)
            mine = await self.ask(cluster, **options)
            assert set(wanted) == set(mine), (cluster, wanted, mine)
            for outcome, times in wanted.items():
                # Three standard deviations of the recorded sample.
                share = times / wanted.total()
                margin = 0.05 + 3 * (max(share * (1 - share), 0.02) / wanted.total()) ** 0.5
                assert abs(mine[outcome] / mine.total() - share) <= margin, (cluster, outcome, wanted, mine)

    def _answering(self, cluster: SimCluster) -> list[str]:
        nodes = [n["metadata"]["name"] for n in cluster.store.list(("", "nodes"))]
        return [n for n in nodes if not self.world.faults.agent_down(cluster.name, n)]


EXITS = {"timeout": "exit28", "dns": "exit6", "refused": "exit7"}


def _fails(controller: Object) -> bool:
    return bool(controller["status"].get("consecutive-failure-count"))


def _link(remote: Object) -> Object:
    """What matters of a RemoteCluster: whether, in which words, and what there is; not how often it once failed."""
    kept = ("connected", "ready", "name")
    counts = sorted(k for k in remote if k.startswith("num-") and k not in ("num-failures", "num-endpoint-slices"))
    config = {k: v for k, v in (remote.get("config") or {}).items() if k != "endpoint-slices-export-mode"}
    synced = {k: v for k, v in (remote.get("synced") or {}).items() if k != "endpoint-slices"}
    return {
        **{k: remote.get(k) for k in kept},
        "status": masked(remote["status"]),
        "counts": counts,
        "config": config or None,
        "synced": synced,
    }


def _relation(cluster: str, node: str, target: str, about: str) -> str:
    """Who probes whom: itself, the node it is all about, another of its cluster, one of the other cluster."""
    if target == f"{cluster}/{node}":
        return "itself"
    if about and target == about:
        return "about"
    return "near" if target.startswith(f"{cluster}/") else "far"


def _shape(kind: str, found: Any) -> Any:
    if kind == "Node":
        return {"ready": tuple(found["ready"]), "taints": sorted(map(tuple, found["taints"]))}
    if kind == "EndpointSlice":
        return {"ready" if e[1] else "serving" if e[2] else "not ready" for e in found}
    if kind == "DaemonSet":
        return "all" if not found.get("numberUnavailable") else "some" if found.get("numberReady") else "none"
    wanted, ready = found.get("wanted"), found.get("readyReplicas") or 0
    return (bool(wanted), "all" if ready == wanted else "some" if ready else "none")
