"""`cilium-dbg status` in words: one line for each part of an agent's status, its name in a column of 25."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
Lines = Iterator[tuple[str, str]]
_SYNCED = ("nodes", "endpoints", "identities", "services")
_COUNTS = {
    "num-nodes": "nodes",
    "num-endpoints": "endpoints",
    "num-identities": "identities",
    "num-shared-services": "services",
    "num-service-exports": "MCS-API service exports",
}


def status_text(found: Object, *, all_clusters: bool = False) -> str:
    """The lines of a status; `all_clusters` tells each remote cluster's."""
    lines = (*_platform(found), *_clusters(found, all_clusters), *_network(found), *_events(found))
    return "".join(f"{name + ':':<25}{text}\n" if name else f"{text}\n" for name, text in lines)


def _told(part: Object) -> str:
    return "   ".join(str(part[key]) for key in ("state", "msg") if part.get(key))


def _platform(found: Object) -> Lines:
    kubernetes, monitor = found["kubernetes"], found["nodeMonitor"]
    yield "KVStore", _told(found["kvstore"])
    yield "Kubernetes", _told(kubernetes)
    if kubernetes.get("state") == "Ok":
        versions = ", ".join(f'"{v}"' for v in sorted(kubernetes.get("k8s-api-versions") or ()))
        yield "Kubernetes APIs", f"[{versions}]"
    yield "KubeProxyReplacement", str(found["kube-proxy-replacement"]["mode"])
    yield "Host firewall", str(found["host-firewall"]["mode"])
    yield "SRv6", "Disabled"
    yield "CNI Chaining", str(found["cni-chaining"]["mode"])
    yield "CNI Config file", str(found["cni-file"]["msg"])
    yield "Cilium", _told(found["cilium"])
    pages = f"{monitor['npages']}x{monitor['pagesize']}"
    yield "NodeMonitor", f"Listening for events on {monitor['cpus']} CPUs with {pages} of shared memory"
    yield "Cilium health daemon", str(found["cluster"]["ciliumHealth"]["state"])
    yield "IPAM", str(found["ipam"]["status"])


def _clusters(found: Object, all_clusters: bool) -> Lines:
    clusters = (found.get("cluster-mesh") or {}).get("clusters") or []
    if not clusters:
        return
    ready = sum(bool(c.get("ready")) for c in clusters)
    services = sum(c.get("num-shared-services", 0) for c in clusters)
    yield "ClusterMesh", f"{ready}/{len(clusters)} remote clusters ready, {services} global-services"
    for cluster in clusters if all_clusters else ():
        yield from (("", f"   {line}") for line in _cluster(cluster))


def _cluster(cluster: Object) -> Iterator[str]:
    config, synced = cluster.get("config") or {}, cluster.get("synced") or {}
    counts = ", ".join(f"{cluster.get(key, 0)} {name}" for key, name in _COUNTS.items())
    failures = f"{cluster.get('num-failures', 0)} reconnections (last: {_last(cluster)})"
    yield f"{cluster['name']}: {'ready' if cluster.get('ready') else 'not-ready'}, {counts}, {failures}"
    yield f"└  {cluster.get('status', '')}"
    yield (
        f"└  remote configuration: expected={_flag(config, 'required')}, retrieved={_flag(config, 'retrieved')}, "
        f"cluster-id={config.get('cluster-id', 0)}, kvstoremesh={_flag(config, 'kvstoremesh')}, "
        f"sync-canaries={_flag(config, 'sync-canaries')}, service-exports={_exports(config)}"
    )
    yield f"└  synchronization status: {', '.join(f'{k}={_flag(synced, k)}' for k in _SYNCED)}"


def _last(cluster: Object) -> str:
    last = str(cluster.get("last-failure", ""))
    return "never" if not last or last.startswith("0001-") else last


def _flag(held: Object, key: str) -> str:
    return str(bool(held.get(key))).lower()


def _exports(config: Object) -> str:
    value = config.get("service-exports-enabled")
    return "unsupported" if value is None else "enabled" if value else "disabled"


def _network(found: Object) -> Lines:
    routing, proxy, ids = found["routing"], found["proxy"], found["identity-range"]
    tunnel = f" [{routing['tunnel-protocol']}]" if routing.get("tunnel-protocol") else ""
    yield "BandwidthManager", "Disabled"
    yield (
        "Routing",
        f"Network: {routing['inter-host-routing-mode']}{tunnel}   Host: {routing['intra-host-routing-mode']}",
    )
    yield "Attach Mode", str(found.get("attach-mode", "")).upper()
    yield "Masquerading", "IPTables [IPv4: Enabled, IPv6: Disabled]"
    controllers = found.get("controllers") or []
    well = sum(not c["status"].get("consecutive-failure-count") for c in controllers)
    yield "Controller Status", f"{well}/{len(controllers)} healthy"
    redirects = f"{proxy.get('total-redirects', 0)} redirects active on ports {proxy['port-range']}"
    yield "Proxy Status", f"OK, ip {proxy['ip']}, {redirects}, Envoy: {proxy['envoy-deployment-mode']}"
    yield "Global Identity Range", f"min {ids['min-identity']}, max {ids['max-identity']}"


def _events(found: Object) -> Lines:
    hubble = found["hubble"]
    seen = hubble.get("observer")
    if seen is None:
        yield "Hubble", _told(hubble)
    else:
        kept, most = seen["current-flows"], seen["max-flows"]
        flows = f"Current/Max Flows: {kept}/{most} ({kept / most if most else 0:.2%}), Flows/s: {_rate(seen):.2f}"
        yield "Hubble", f"Ok              {flows}   Metrics: Disabled"
    yield "Encryption", str(found["encryption"]["mode"])


def _rate(seen: Object) -> float:
    """Flows a second over the whole uptime, a Go duration."""
    total, number = 0.0, ""
    for letter in str(seen.get("uptime", "")):
        if letter in "hms":
            total += float(number or 0) * {"h": 3600, "m": 60, "s": 1}[letter]
            number = ""
        else:
            number += letter
    return int(seen["seen-flows"]) / total if total else 0.0
