"""Helm's release Secrets: what `helm`, and with it the cilium CLI, knows of how Cilium was installed."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from typing import Any

from meshtui.sim.builds import Build

Object = dict[str, Any]
PREFIX = "sh.helm.release.v1."
NAME, NAMESPACE = "cilium", "kube-system"
_OWNER = {"meta.helm.sh/release-name": NAME, "meta.helm.sh/release-namespace": NAMESPACE}
_GIVEN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "ownerReferences")
_ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
DONE = "Upgrade complete"


def furnish(objects: list[Object], made: Build) -> None:
    """Fill the release Secrets among a cluster's objects, in place: the newest is deployed, the others superseded."""
    held = sorted((o for o in objects if o["metadata"]["name"].startswith(PREFIX)), key=_revision)
    if not held:
        return
    config: Object = next(
        (o["data"] for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == "cilium-config"), {}
    )
    values, text = _values(objects, config), _manifest(objects)
    first = held[0]["metadata"]["creationTimestamp"]
    for secret in held:
        number, newest = _revision(secret), secret is held[-1]
        status = "deployed" if newest else "superseded"
        info = {
            "first_deployed": first,
            "last_deployed": secret["metadata"]["creationTimestamp"],
            "deleted": "",
            "description": "Install complete" if number == 1 else DONE,
            "status": status,
        }
        release = {
            "name": NAME,
            "info": info,
            "chart": _chart(made),
            "config": values,
            "manifest": text if newest else "",
            "version": number,
            "namespace": NAMESPACE,
        }
        secret["metadata"]["labels"] = {"name": NAME, "owner": "helm", "status": status, "version": str(number)}
        secret["data"] = {"release": _packed(release)}


def unpacked(secret: Object) -> Object:
    """The release in a Secret, as Helm reads it."""
    inner = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    found: Object = json.loads(gzip.decompress(inner))
    return found


def _packed(release: Object) -> str:
    """Helm packs and encodes a release; the Secret's own encoding comes on top."""
    inner = base64.b64encode(gzip.compress(json.dumps(release).encode(), mtime=0))
    return base64.b64encode(inner).decode()


def _revision(secret: Object) -> int:
    return int(secret["metadata"]["name"].rpartition(".v")[2])


def _chart(made: Build) -> Object:
    metadata = {
        "name": NAME,
        "home": "https://cilium.io/",
        "version": made.version,
        "description": "eBPF-based Networking, Security, and Observability",
        "apiVersion": "v2",
        "appVersion": made.version,
        "kubeVersion": ">= 1.21.0-0",
        "type": "application",
    }
    return {"metadata": metadata, "lock": None, "templates": [], "values": {}, "schema": None, "files": []}


def _values(objects: list[Object], config: Object) -> Object:
    """The values a user would have given to come to these objects."""
    deployed = {o["metadata"]["name"] for o in objects if o["kind"] == "Deployment"}
    values: Object = {
        "cluster": {"name": config.get("cluster-name", "default"), "id": int(config.get("cluster-id", "0"))},
        "ipam": {"mode": config.get("ipam", "kubernetes")},
        "operator": {"replicas": 1},
        "routingMode": config.get("routing-mode", "tunnel"),
        "tunnelProtocol": config.get("tunnel-protocol", "vxlan"),
        "kubeProxyReplacement": config.get("kube-proxy-replacement", "false"),
        "hubble": {"enabled": config.get("enable-hubble") == "true", "relay": {"enabled": "hubble-relay" in deployed}},
    }
    if "clustermesh-apiserver" in deployed:
        values["clustermesh"] = {"useAPIServer": True, "apiserver": {"service": {"type": "NodePort"}}}
        peers = _peers(objects)
        if peers:
            values["clustermesh"]["config"] = {"enabled": True, "clusters": peers}
    return values


def _peers(objects: list[Object]) -> list[Object]:
    """The clusters this one is connected to, with the addresses that KVStoreMesh was given."""
    found = []
    for secret in objects:
        if secret["kind"] != "Secret" or secret["metadata"]["name"] != "cilium-kvstoremesh":
            continue
        for name, text in (secret.get("data") or {}).items():
            lines = [line.strip(" -") for line in base64.b64decode(text).decode(errors="replace").splitlines()]
            ports = [line.rpartition(":")[2] for line in lines if line.startswith("https://")]
            ips = [line for line in lines if line.count(".") == 3 and line.replace(".", "").isdigit()]
            if ports and ips:
                found.append({"name": name, "port": int(ports[0]), "ips": ips})
    return found


def _manifest(objects: list[Object]) -> str:
    """What the chart made, one document after the other; JSON is YAML."""
    documents = []
    for obj in objects:
        meta = obj["metadata"]
        notes = meta.get("annotations") or {}
        if notes.get("meta.helm.sh/release-name") != NAME:
            continue
        kept = copy.deepcopy({k: v for k, v in obj.items() if k != "status"})
        kept["metadata"] = {k: v for k, v in kept["metadata"].items() if k not in _GIVEN}
        ours = {k: v for k, v in notes.items() if k not in _OWNER and not k.startswith("deployment.kubernetes.io/")}
        kept["metadata"]["annotations"] = ours
        if obj["kind"] == "Service":
            kept["spec"] = {k: v for k, v in kept["spec"].items() if k not in _ALLOCATED}
        documents.append(f"---\n# Source: cilium/templates/{obj['kind'].lower()}.yaml\n{json.dumps(kept)}\n")
    return "".join(documents)
