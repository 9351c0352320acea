"""Cilium's own certificates: an authority for each cluster, and what it signed for etcd and Hubble."""

from __future__ import annotations

import base64
import copy
from typing import Any

import trustme

from meshtui.sim.store import GVR
from meshtui.sim.world import SimCluster, World

SECRETS: GVR = ("", "secrets")
CONFIGMAPS: GVR = ("", "configmaps")
BUNDLE = "cilium-root-ca.crt"
Object = dict[str, Any]


def furnish(cluster: SimCluster) -> None:
    """Put real certificates into the Secrets that have keys for them, before anybody sees the cluster."""
    held = [s for s in cluster.store.list(SECRETS, "kube-system") if "ca.crt" in (s.get("data") or {})]
    if not held:
        return
    authority = trustme.CA(organization_name="Cilium CA", organization_unit_name=cluster.name)
    certificate = authority.cert_pem.bytes()
    for secret in held:
        new = copy.deepcopy(secret)
        new["data"]["ca.crt"] = _text(certificate)
        if "ca.key" in new["data"]:
            new["data"]["ca.key"] = _text(authority.private_key_pem.bytes())
        if "tls.crt" in new["data"]:
            issued = authority.issue_cert(common_name=_subject(secret["metadata"]["name"], cluster.name))
            new["data"]["tls.crt"] = _text(issued.cert_chain_pems[0].bytes())
            new["data"]["tls.key"] = _text(issued.private_key_pem.bytes())
        cluster.store.load(SECRETS, [new])


def bundle(world: World) -> None:
    """Let every meshed cluster's components trust all clusters' authorities, its own first, once all have theirs."""
    authorities = {name: text for name, c in world.clusters.items() if (text := _authority(c))}
    for name, cluster in world.clusters.items():
        if cluster.store.get(SECRETS, "kube-system", "cilium-clustermesh") is None or name not in authorities:
            continue
        others = [text for other, text in authorities.items() if other != name]
        meta = {"name": BUNDLE, "namespace": "kube-system"}
        found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {}}
        new = copy.deepcopy(cluster.store.get(CONFIGMAPS, "kube-system", BUNDLE) or found)
        new["data"] = {"ca.crt": "".join([authorities[name], *others])}
        cluster.store.load(CONFIGMAPS, [new])


def _authority(cluster: SimCluster) -> str:
    secret = cluster.store.get(SECRETS, "kube-system", "cilium-ca") or {}
    return base64.b64decode((secret.get("data") or {}).get("ca.crt", "")).decode()


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def _subject(name: str, cluster: str) -> str:
    """The common name the chart gives a Secret's certificate."""
    known = {
        "clustermesh-apiserver-server-cert": "clustermesh-apiserver.cilium.io",
        "clustermesh-apiserver-admin-cert": f"admin-{cluster}",
        "clustermesh-apiserver-remote-cert": "remote",
        "clustermesh-apiserver-local-cert": f"local-{cluster}",
        "hubble-server-certs": f"*.{cluster}.hubble-grpc.cilium.io",
        "hubble-relay-client-certs": "*.hubble-relay.cilium.io",
    }
    return known.get(name, name)
