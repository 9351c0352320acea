"""May a user do it: Roles, ClusterRoles and their bindings as the store holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from meshtui.sim.api.auth import User
from meshtui.sim.store import Object, Store

GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Access:
    """One thing somebody wants to do: on a resource, or on a `path`."""

    verb: str
    group: str = ""
    resource: str = ""
    """`pods` or `pods/exec`."""
    namespace: str = ""
    name: str = ""
    path: str = ""


def reason(store: Store, user: User, access: Access) -> str | None:
    """Why it is allowed (may be empty), or None when it is not."""
    if MASTERS in user.groups:
        return ""
    for rule, why in rules(store, user, access.namespace):
        if _covers(rule, access):
            return why
    return None


def rules(store: Store, user: User, namespace: str) -> Iterator[tuple[Object, str]]:
    """The rules a user has in a namespace (cluster-wide ones included), with what grants each."""
    if MASTERS in user.groups:
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        yield everything, ""
        yield {"verbs": ["*"], "nonResourceURLs": ["*"]}, ""
        return
    for binding in store.list((GROUP, "clusterrolebindings")):
        yield from _granted(store, binding, user, "")
    if namespace:
        for binding in store.list((GROUP, "rolebindings"), namespace):
            yield from _granted(store, binding, user, namespace)


def _granted(store: Store, binding: Object, user: User, namespace: str) -> Iterator[tuple[Object, str]]:
    subject = next((s for s in binding.get("subjects") or [] if _is(s, user, namespace)), None)
    if subject is None:
        return
    ref = binding["roleRef"]
    cluster_wide = ref["kind"] == "ClusterRole"
    plural = "clusterroles" if cluster_wide else "roles"
    role = store.get((GROUP, plural), "" if cluster_wide else namespace, ref["name"])
    name = binding["metadata"]["name"]
    bound = f'RoleBinding "{name}/{namespace}"' if namespace else f'ClusterRoleBinding "{name}"'
    told = f'"{subject["name"]}/{subject["namespace"]}"' if "namespace" in subject else f'"{subject["name"]}"'
    why = f'RBAC: allowed by {bound} of {ref["kind"]} "{ref["name"]}" to {subject["kind"]} {told}'
    for rule in (role or {}).get("rules") or []:
        yield rule, why


def _is(subject: dict[str, Any], user: User, namespace: str) -> bool:
    match subject.get("kind"):
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            where = subject.get("namespace") or namespace
            return f"system:serviceaccount:{where}:{subject['name']}" == user.name
        case _:
            return False


def _covers(rule: dict[str, Any], access: Access) -> bool:
    verbs = rule.get("verbs") or []
    if "*" not in verbs and access.verb not in verbs:
        return False
    if access.path:
        return any(_path_matches(p, access.path) for p in rule.get("nonResourceURLs") or [])
    groups, resources = rule.get("apiGroups") or [], rule.get("resources") or []
    if "*" not in groups and access.group not in groups:
        return False
    sub = access.resource.partition("/")[2]
    if not {"*", access.resource, f"*/{sub}" if sub else access.resource} & set(resources):
        return False
    names = rule.get("resourceNames") or []
    return not names or access.name in names


def _path_matches(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return pattern == path
