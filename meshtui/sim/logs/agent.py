"""What a Cilium agent says: that it starts, whom it is connected to, its endpoints, the policies it imports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshtui.sim.builds import build
from meshtui.sim.datapath.identity import of_pod
from meshtui.sim.datapath.view import View
from meshtui.sim.logs.lines import Line, logrus, slog

Object = dict[str, Any]
SLOG_SINCE = (1, 18)
_POLICY = "agent.controlplane.policy"
_SHORT = {"CiliumNetworkPolicy": "cnp", "CiliumClusterwideNetworkPolicy": "ccnp", "NetworkPolicy": "netpol"}


class Agent:
    """One node's agent, as its log knows it."""

    def __init__(self, known: View, node: str) -> None:
        self._known = known
        self._node = node
        self._slog = known.version >= SLOG_SINCE

    def say(self, at: float, message: str, module: str, subsystem: str, level: str = "info", **fields: Any) -> Line:
        """A line in the form of the agent's version."""
        if self._slog:
            return slog(at, message, f"agent.{module}" if module else "", level, **fields)
        return logrus(at, message, subsystem, level, **fields)

    def start(self, at: float) -> Iterator[Line]:
        """From the first words to the end of the initialization."""
        made = build(self._known.version)
        api = f"https://172.20.{self._known.id}.1:443"
        cidr = ((self._known.node(self._node) or {}).get("spec") or {}).get("podCIDR", "")
        address, router = self._known.internal_ip(self._node), self._known.router_ip(self._node)
        say = self.say
        yield say(at, f"Cilium {made.line}", "", "daemon")
        yield say(at + 0.012, "Started gops server", "infra.gops", "gops", address="127.0.0.1:9890")
        yield say(at + 0.02, "Establishing connection to apiserver", "infra.k8s-client", "k8s-client", ipAddr=api)
        yield say(at + 0.05, "Connected to apiserver", "infra.k8s-client", "k8s-client")
        yield say(at + 0.4, "All Cilium CRDs have been found and are available", "infra.k8s-synced-crdsync", "k8s")
        yield say(
            at + 0.5, "Received own node information from API server", "", "daemon",
            nodeName=self._node, **{"ipAddr.ipv4": address, "v4Prefix": cidr, "k8sNodeIP": address},
        )  # fmt: skip
        yield say(at + 0.9, "Initializing daemon", "", "daemon")
        yield say(at + 1.1, "Restored router IPs from node information", "", "node", ipv4=router)
        yield say(at + 1.3, "Starting Cilium health API server", "controlplane.cilium-health", "cilium-health-api")
        yield from self._peers(at + 1.4)
        if self._known.config().get("enable-hubble") == "true":
            yield say(at + 1.8, "Starting Hubble server", "controlplane.hubble", "hubble", address=":4244")
            yield say(
                at + 1.81, "Starting local Hubble server", "controlplane.hubble", "hubble",
                address="unix:///var/run/cilium/hubble.sock",
            )  # fmt: skip
        yield say(at + 2.2, "Daemon initialization completed", "", "daemon", bootstrapTime="2.2s")
        socket = "unix:///var/run/cilium/cilium.sock"
        yield say(at + 2.21, f"Serving cilium API at {socket}", "controlplane.cilium-restapi", "cilium-api-server")

    def _peers(self, at: float) -> Iterator[Line]:
        for name in self._known.remotes():
            path = f"/var/lib/cilium/clustermesh/{name}"
            cluster = {"clusterName": name, "config": path}
            yield self.clustermesh(at, "New remote cluster configuration", **cluster)
            service = "https://clustermesh-apiserver.kube-system.svc:2379"
            yield self.clustermesh(at + 0.01, "Establishing connection to etcd", **cluster, endpoints=f"[{service}]")
            yield self.clustermesh(at + 0.2, "Initial etcd connection established", **cluster, endpoints=f"[{service}]")
            yield self.clustermesh(at + 0.21, "Connection to remote cluster established", **cluster)
            yield self.clustermesh(at + 0.22, "Found remote cluster configuration", **cluster)

    def clustermesh(self, at: float, message: str, level: str = "info", **fields: Any) -> Line:
        """A line about a remote cluster."""
        return self.say(at, message, "controlplane.clustermesh", "clustermesh", level, **fields)

    def endpoint(self, at: float, pod: Object) -> Iterator[Line]:
        """A pod of this node got its endpoint."""
        party = of_pod(self._known, pod)
        meta = pod["metadata"]
        name = f"{meta['namespace']}/{meta['name']}"
        about = {
            "ciliumEndpointName": name, "k8sPodName": name, "endpointID": party.endpoint_id,
            "ipv4": pod["status"].get("podIP", ""), "ipv6": "",
        }  # fmt: skip
        yield self.say(at, "New endpoint", "", "endpoint", **about)
        yield self.say(at + 0.01, "Identity of endpoint changed", "", "endpoint", **about, identity=party.identity)
        yield self.say(at + 0.3, "Rewrote endpoint BPF program", "", "endpoint", **about, identity=party.identity)
        yield self.say(at + 0.31, "Successful endpoint creation", "", "daemon", **about)

    def gone(self, at: float, pod: Object) -> Iterator[Line]:
        """A pod of this node lost its endpoint."""
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        yield self.say(at, "Removed endpoint", "", "endpoint", ciliumEndpointName=name, k8sPodName=name)

    def policy(self, at: float, policy: Object, revision: int, *, removed: bool = False) -> Iterator[Line]:
        """A policy was imported, or removed: first the watcher's words, then the repository's."""
        kind, meta = policy["kind"], policy["metadata"]
        yield self._watched(at, kind, meta, removed=removed)
        where = "/".join(p for p in (_SHORT[kind], meta.get("namespace", ""), meta["name"]) if p)
        rules = len(policy.get("specs") or ()) or 1
        # The importer used slog a version before the rest of the agent did.
        yield slog(at + 0.008, "Processing policy updates", _POLICY, count=1)
        did = "Deleted policy from repository" if removed else "Upserted policy to repository"
        yield slog(
            at + 0.0083, did, _POLICY, resource=where, policyRevision=revision, deletedRules=rules if removed else 0
        )
        done = "Policy repository updates complete, triggering endpoint updates"
        yield slog(at + 0.0085, done, _POLICY, policyRevision=revision)

    def refused(self, at: float, policy: Object, why: str) -> Line:
        """A policy the agent cannot make sense of."""
        meta = policy["metadata"]
        name = {"ciliumNetworkPolicyName": meta["name"], "k8sNamespace": meta.get("namespace", "")}
        return self.say(
            at, "Unable to add CiliumNetworkPolicy", "controlplane.policy-k8s-watcher", "policy-k8s-watcher", "warn"
            if self._slog else "warning", **name, k8sApiVersion="", error=why,
        )  # fmt: skip

    def _watched(self, at: float, kind: str, meta: Object, *, removed: bool) -> Line:
        watcher = ("controlplane.policy-k8s-watcher", "policy-k8s-watcher")
        if kind == "NetworkPolicy":
            did = "removed" if removed else "added"
            fields = {"k8sNetworkPolicyName": meta["name"], "k8sApiVersion": ""}
            return self.say(at, f"NetworkPolicy successfully {did}", *watcher, **fields)
        fields = {
            "ciliumNetworkPolicyName": meta["name"],
            "k8sApiVersion": "",
            "k8sNamespace": meta.get("namespace", ""),
        }
        return self.say(at, f"{'Deleted' if removed else 'Imported'} CiliumNetworkPolicy", *watcher, **fields)
