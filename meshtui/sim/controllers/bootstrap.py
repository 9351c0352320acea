"""What every cluster has from the start: service accounts, default roles, the root certificate."""

from __future__ import annotations

from typing import Any

from meshtui.sim.store import GVR, Object, Store

_RBAC = "rbac.authorization.k8s.io"
ACCOUNTS: GVR = ("", "serviceaccounts")
CONFIGMAPS: GVR = ("", "configmaps")
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_GROUPS = ["", "apps", "batch", "networking.k8s.io", "discovery.k8s.io", "cilium.io", "policy", "autoscaling"]


def _rule(verbs: list[str], groups: list[str], resources: list[str]) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": groups, "resources": resources}


def _paths(*paths: str) -> dict[str, Any]:
    return {"verbs": ["get"], "nonResourceURLs": list(paths)}


_HEALTH = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_VIEW = [
    _rule(_READ, [""], [
        "configmaps", "endpoints", "events", "namespaces", "nodes", "persistentvolumeclaims", "pods", "pods/log",
        "pods/status", "services", "services/status", "serviceaccounts", "replicationcontrollers",
    ]),
    _rule(_READ, [g for g in _GROUPS if g], ["*"]),
]  # fmt: skip
_EDIT = [
    *_VIEW,
    _rule(_WRITE, [""], ["configmaps", "pods", "services", "secrets", "serviceaccounts", "endpoints", "events"]),
    _rule(["create"], [""], ["pods/exec", "pods/attach", "pods/portforward", "pods/eviction"]),
    _rule(_READ, [""], ["secrets"]),
    _rule(_WRITE, ["apps", "batch", "networking.k8s.io", "policy", "autoscaling"], ["*"]),
]
ROLES: dict[str, list[dict[str, Any]]] = {
    "cluster-admin": [_rule(["*"], ["*"], ["*"]), {"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "admin": [*_EDIT, _rule([*_READ, *_WRITE], [_RBAC], ["roles", "rolebindings"])],
    "edit": _EDIT,
    "view": _VIEW,
    "system:basic-user": [
        _rule(
            ["create"],
            ["authorization.k8s.io"],
            ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        ),
        _rule(["create"], ["authentication.k8s.io"], ["selfsubjectreviews"]),
    ],
    "system:discovery": [_paths("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_HEALTH)],
    "system:public-info-viewer": [_paths(*_HEALTH)],
}
BINDINGS = {
    "cluster-admin": ("cluster-admin", ["system:masters"]),
    "system:basic-user": ("system:basic-user", ["system:authenticated"]),
    "system:discovery": ("system:discovery", ["system:authenticated"]),
    "system:public-info-viewer": ("system:public-info-viewer", ["system:authenticated"]),
}
"""A real cluster also binds the last one to who shows no credentials; this one answers nobody without."""


def roles(store: Store) -> None:
    """Put the default ClusterRoles and their bindings there."""
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    for name, rules in ROLES.items():
        if store.entry((_RBAC, "clusterroles"), "", name) is None:
            meta = {"name": name, "labels": dict(labels)}
            role = {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules}
            store.load((_RBAC, "clusterroles"), [role])
    for name, (role_name, groups) in BINDINGS.items():
        if store.entry((_RBAC, "clusterrolebindings"), "", name) is None:
            store.load((_RBAC, "clusterrolebindings"), [_binding(name, role_name, groups, labels)])


def _binding(name: str, role: str, groups: list[str], labels: dict[str, str]) -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": dict(labels)},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "Group", "apiGroup": _RBAC, "name": g} for g in groups],
    }


def namespace(store: Store, name: str, authority: str) -> list[tuple[GVR, Object]]:
    """The objects a namespace gets that it does not have yet."""
    missing: list[tuple[GVR, Object]] = []
    if store.entry(ACCOUNTS, name, "default") is None:
        meta = {"name": "default", "namespace": name}
        missing.append((ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}))
    if store.entry(CONFIGMAPS, name, "kube-root-ca.crt") is None:
        meta = {"name": "kube-root-ca.crt", "namespace": name}
        data = {"ca.crt": authority}
        missing.append((CONFIGMAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}))
    return missing
