"""What the programs in simulated pods answer over HTTP."""

from __future__ import annotations

import json
from typing import Any

from meshtui.sim.datapath.view import CONFIGMAPS
from meshtui.sim.world import World

Object = dict[str, Any]
Answer = tuple[int, bytes, dict[str, str]]
HTML = "/usr/share/nginx/html"
WEB_IMAGES = ("nginx", "json-mock", "httpbin", "echo", "whoami", "http-echo", "agnhost", "podinfo")


def ports(pod: Object) -> set[int]:
    """TCP ports something in the pod listens on: declared, known of its image, or else probed."""
    found: set[int] = set()
    for container in pod.get("spec", {}).get("containers", ()):
        found |= _declared(container) | ({80} if _known(container) else _probed(container))
    return found


def ready(container: Object) -> bool:
    """Whether a container's readiness probe gets an answer; a program that is not known answers what it is asked."""
    probe = container.get("readinessProbe") or {}
    port = (probe.get("tcpSocket") or probe.get("httpGet") or {}).get("port")
    return not _known(container) or not isinstance(port, int) or port in _declared(container) | {80}


def _known(container: Object) -> bool:
    return any(name in container.get("image", "") for name in WEB_IMAGES)


def _declared(container: Object) -> set[int]:
    return {p["containerPort"] for p in container.get("ports") or () if p.get("protocol", "TCP") == "TCP"}


def _probed(container: Object) -> set[int]:
    probes = [container.get(probe) or {} for probe in ("livenessProbe", "readinessProbe", "startupProbe")]
    found = [(held.get(kind) or {}).get("port") for held in probes for kind in ("httpGet", "tcpSocket", "grpc")]
    return {port for port in found if isinstance(port, int)}


def answer(world: World, pod: Object, port: int, path: str, method: str) -> Answer | None:
    """Status, body and headers; None when nothing listens there."""
    if port not in ports(pod):
        return None
    cluster = _cluster(world, pod)
    message = _index(world, cluster, pod)
    where = path.split("?", maxsplit=1)[0]
    headers = {"Server": "nginx/1.15.8", "Content-Type": "text/html"}
    if message is None:
        text = {"Cluster": cluster.title(), "Pod": pod["metadata"]["name"]}
        body = (json.dumps(text) + "\n").encode()
        headers["Content-Type"] = "application/json"
    elif where in ("/", "/index.html"):
        body = message.encode()
    else:
        body = b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n"
        return 404, body if method != "HEAD" else b"", {**headers, "Content-Length": str(len(body))}
    headers["Content-Length"] = str(len(body))
    return 200, b"" if method == "HEAD" else body, headers


def _cluster(world: World, pod: Object) -> str:
    meta = pod["metadata"]
    for name, cluster in world.clusters.items():
        held = cluster.store.get(("", "pods"), meta.get("namespace", ""), meta["name"])
        if held is not None and held["metadata"].get("uid") == meta.get("uid"):
            return name
    return ""


def _index(world: World, cluster: str, pod: Object) -> str | None:
    """The text a ConfigMap volume puts where nginx looks for its pages."""
    volumes = {v["name"]: v for v in pod.get("spec", {}).get("volumes") or ()}
    for container in pod.get("spec", {}).get("containers", ()):
        for mount in container.get("volumeMounts") or ():
            held = volumes.get(mount["name"], {}).get("configMap")
            if not held or not mount["mountPath"].startswith(HTML) or not cluster:
                continue
            source = world.clusters[cluster].store.get(CONFIGMAPS, pod["metadata"].get("namespace", ""), held["name"])
            for item in held.get("items") or ():
                if source is not None and item["path"] == "index.html":
                    return str((source.get("data") or {}).get(item["key"], ""))
    return None
