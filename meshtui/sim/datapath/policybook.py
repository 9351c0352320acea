"""One cluster's policies as its agents hold them: read once per change, with what they refer to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from meshtui.sim.datapath.identity import of_pod
from meshtui.sim.datapath.view import CIDR_GROUPS, POLICIES, View
from meshtui.sim.rulebook import refusals, selectors
from meshtui.sim.rulebook.netpol import network_policy_rules
from meshtui.sim.rulebook.peers import Cidr, network
from meshtui.sim.rulebook.rules import Rule, Scope, cilium_rules
from meshtui.sim.rulebook.selectors import Label
from meshtui.sim.rulebook.toservices import Service
from meshtui.sim.rulebook.versions import LOCAL_CLUSTER_DEFAULT, LOCAL_CLUSTER_OPTION

Object = dict[str, Any]
Ports = dict[tuple[str, str], set[int]]
"""(name, protocol) → numbers."""


def default_cluster(known: View) -> str:
    """The cluster a selector without cluster label means; empty where it means every cluster.

    Option policy-default-local-cluster: absent up to 1.17, false in 1.18, true from 1.19 on.
    """
    if not LOCAL_CLUSTER_OPTION.at(known.version):
        return ""
    written = known.config().get("policy-default-local-cluster")
    local = written == "true" if written is not None else LOCAL_CLUSTER_DEFAULT.at(known.version)
    return known.name if local else ""


@dataclass
class Book:
    """A cluster's valid policies."""

    stamp: tuple[Any, ...] = ()
    rules: list[Rule] = field(default_factory=list)
    mode: str = "default"
    groups: list[tuple[Cidr, tuple[Label, ...]]] = field(default_factory=list)
    """Networks of CIDR groups, with the labels they put on addresses."""
    cache: dict[tuple[str, tuple[str, ...]], tuple[Rule, ...]] = field(default_factory=dict)
    _ports: dict[tuple[str, ...], Ports] = field(default_factory=dict)
    _ports_of: int = -1
    _services: bool = False

    def refresh(self, known: View) -> None:
        """Read again if anything changed."""
        stamp = (known.policy_version, known.service_version if self._services else 0, known.version)
        if self.stamp == stamp:
            return
        self.cache.clear()
        config = known.config()
        self.mode = config.get("enable-policy", "default")
        policies = [obj for gvr in POLICIES for obj in known.cluster.store.list(gvr)]
        self._services = any("toServices" in str(obj.get("spec")) + str(obj.get("specs")) for obj in policies)
        services = services_of(known) if self._services else ()
        scope = Scope(known.version, known.name, default_cluster(known), services, config)
        self.rules = [rule for obj in policies for rule in rules_of(obj, scope)]
        self.groups = [
            (Cidr(network(text)), _group_labels(obj))
            for obj in known.cluster.store.list(CIDR_GROUPS)
            for text in (obj.get("spec") or {}).get("externalCIDRs") or ()
        ]
        self.stamp = (known.policy_version, known.service_version if self._services else 0, known.version)
        if config.get("enable-non-default-deny-policies", "true").lower() != "true":
            self.rules = [replace(rule, default_deny=True) for rule in self.rules]

    def selecting(self, labels: tuple[str, ...], direction: str) -> tuple[Rule, ...]:
        """Rules of that direction whose subject has these labels."""
        key = (direction, labels)
        if key not in self.cache:
            parsed = selectors.parsed(labels)
            self.cache[key] = tuple(r for r in self.rules if r.direction == direction and r.subject.matches(parsed))
        return self.cache[key]

    def outside_labels(self, ip: str) -> tuple[Label, ...]:
        """What CIDR groups put on an address outside."""
        return tuple(label for cidr, labels in self.groups if cidr.holds(ip) for label in labels)

    def port_names(self, known: View, labels: tuple[str, ...] = ()) -> Ports:
        """Numbers of the named ports in this cluster: of all its pods, or of those with an identity's labels."""
        if self._ports_of != known.pod_version:
            self._ports, self._ports_of = {}, known.pod_version
        if labels not in self._ports:
            found: Ports = defaultdict(set)
            for pod in known.pod_by_ip.values():
                if not labels or of_pod(known, pod).labels == labels:
                    for name, protocol, number in port_list(pod):
                        found[(name, protocol)].add(number)
            self._ports[labels] = found
        return self._ports[labels]


def port_list(pod: Object | None) -> list[tuple[str, str, int]]:
    """(name, protocol, number) of a pod's named container ports."""
    return [
        (port["name"], port.get("protocol", "TCP"), int(port["containerPort"]))
        for container in (pod or {}).get("spec", {}).get("containers", ())
        for port in container.get("ports") or ()
        if port.get("name")
    ]


def book_of(known: View) -> Book:
    """The cluster's policies, current."""
    found = known.cluster.part(Book, Book)
    found.refresh(known)
    return found


def rules_of(obj: Object, scope: Scope) -> list[Rule]:
    """A policy's rules; none where the agents do not take it."""
    if obj["kind"] == "NetworkPolicy":
        return network_policy_rules(obj, scope)
    if refusals.agent(obj, scope.version, scope.config) or refusals.derivative(obj):
        return []
    return cilium_rules(obj, scope)


def services_of(known: View) -> list[Service]:
    """The cluster's own Services, as toServices sees them."""
    found = []
    for obj in known.services():
        meta, spec = obj["metadata"], obj.get("spec") or {}
        addresses = {
            address
            for piece in known.service_slices(meta["namespace"], meta["name"])
            for endpoint in piece.get("endpoints") or ()
            for address in endpoint.get("addresses") or ()
        }
        labels, selector = meta.get("labels") or {}, spec.get("selector") or {}
        found.append(
            Service(
                meta["namespace"], meta["name"], tuple(labels.items()), tuple(selector.items()),
                tuple(sorted(addresses)),
            )
        )  # fmt: skip
    return found


def _group_labels(obj: Object) -> tuple[Label, ...]:
    meta = obj["metadata"]
    named = ("cidrgroup", f"io.cilium.policy.cidrgroupname/{meta['name']}", "")
    return (named, *(("cidrgroup", k, v) for k, v in (meta.get("labels") or {}).items()))
