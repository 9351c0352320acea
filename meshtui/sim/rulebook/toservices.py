"""toServices: the pods and addresses behind Services, as the agent writes them into the rule that names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from meshtui.sim.rulebook.peers import Cidr, network
from meshtui.sim.rulebook.selectors import (
    Requirement,
    Selector,
    in_namespace,
    parse,
    split_key,
    with_cluster,
)
from meshtui.sim.rulebook.versions import DOTTED_SERVICE_KEYS, SERVICES_BY_SELECTOR, Version

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """What rules ask of a Service of the own cluster."""

    namespace: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()
    selector: tuple[tuple[str, str], ...] = ()
    addresses: tuple[str, ...] = ()
    """Of its endpoints."""


def wanted(written: Object, service: Service) -> bool:
    """Whether one element of toServices means a Service; without namespace, in any (pkg/policy/k8s/service.go)."""
    by_labels, by_name = written.get("k8sServiceSelector"), written.get("k8sService")
    chosen = by_labels if by_labels is not None else by_name
    if chosen is None or chosen.get("namespace", "") not in ("", service.namespace):
        return False
    if by_labels is None:
        return bool(chosen.get("serviceName", "") == service.name)
    return parse(by_labels.get("selector")).matches([("k8s", k, v) for k, v in service.labels])


def behind(
    written: Sequence[Object], services: Iterable[Service], default_cluster: str, version: Version
) -> tuple[list[Selector], list[Cidr]]:
    """Selectors of the pods, and addresses where a Service has no selector."""
    selectors: list[Selector] = []
    cidrs: list[Cidr] = []
    for service in services:
        if not any(wanted(each, service) for each in written):
            continue
        if not service.selector:
            cidrs += [Cidr(network(ip)) for ip in service.addresses]
        elif SERVICES_BY_SELECTOR.at(version):
            selectors.append(_pods(service, default_cluster, version))
    return selectors, cidrs


def _pods(service: Service, default_cluster: str, version: Version) -> Selector:
    asked = tuple(Requirement(*_key(key, version), "In", (value,)) for key, value in service.selector)
    return with_cluster(Selector(asked).also([in_namespace(service.namespace)]), default_cluster)


def _key(key: str, version: Version) -> tuple[str, str]:
    if DOTTED_SERVICE_KEYS.at(version) and "." in key:
        source, _, rest = key.partition(".")
        return source, rest
    return split_key(key)
