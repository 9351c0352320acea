"""Access and identity reviews: `kubectl auth can-i`, `kubectl auth whoami`, service account tokens."""

from __future__ import annotations

from typing import Any

from meshtui.sim.api import rbac
from meshtui.sim.api.auth import AUTHENTICATED, Tokens, User, service_account
from meshtui.sim.api.body import Body
from meshtui.sim.api.errors import bad_request, not_found
from meshtui.sim.api.request import Request
from meshtui.sim.clock import timestamp
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

GROUPS = ("authorization.k8s.io", "authentication.k8s.io")


def review(cluster: SimCluster, ask: Request, body: Body, tokens: Tokens) -> Object:
    """The review with its status filled in. Raises ApiError 400."""
    obj = body.decoded() if body.data else {}
    if not isinstance(obj, dict):
        raise bad_request("the object provided is unrecognized")
    spec = obj.get("spec") or {}
    match ask.resource.plural:
        case "selfsubjectreviews":
            status = {"userInfo": _user_info(body.user)}
        case "tokenreviews":
            status = _token_review(spec, tokens)
        case "selfsubjectrulesreviews":
            status = _rules(cluster, body.user, spec.get("namespace", ""))
        case "selfsubjectaccessreviews":
            status = _access(cluster, body.user, spec)
        case _:
            user = User(spec.get("user", ""), tuple(spec.get("groups") or ()))
            status = _access(cluster, user, spec)
    return {
        "kind": ask.resource.kind,
        "apiVersion": ask.resource.group_version,
        "metadata": {},
        "spec": spec,
        "status": status,
    }


def token(cluster: SimCluster, ask: Request, body: Body, tokens: Tokens) -> Object:
    """A token for a ServiceAccount. Raises ApiError 404."""
    account = cluster.store.get(("", "serviceaccounts"), ask.namespace, ask.name)
    if account is None:
        raise not_found("serviceaccounts", "", ask.name)
    spec = (body.decoded() or {}).get("spec") or {}
    seconds = int(spec.get("expirationSeconds") or 3600)
    expires = timestamp(cluster.world.clock.now() + seconds)
    given = tokens.issue(service_account(ask.namespace, ask.name))
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": ask.name, "namespace": ask.namespace},
        "spec": {"audiences": ["https://kubernetes.default.svc"], "expirationSeconds": seconds, **spec},
        "status": {"token": given, "expirationTimestamp": expires},
    }


def _access(cluster: SimCluster, user: User, spec: dict[str, Any]) -> dict[str, Any]:
    wanted = spec.get("resourceAttributes")
    if wanted is None:
        path = spec.get("nonResourceAttributes") or {}
        access = rbac.Access(path.get("verb", ""), path=path.get("path", "/"))
    else:
        sub = wanted.get("subresource", "")
        resource = wanted.get("resource", "") + (f"/{sub}" if sub else "")
        access = rbac.Access(
            wanted.get("verb", ""),
            wanted.get("group", ""),
            resource,
            wanted.get("namespace", ""),
            wanted.get("name", ""),
        )
    why = rbac.reason(cluster.store, user, access)
    if why is None:
        return {"allowed": False}
    return {"allowed": True, "reason": why} if why else {"allowed": True}


def _rules(cluster: SimCluster, user: User, namespace: str) -> dict[str, Any]:
    resources: list[Object] = []
    paths: list[Object] = []
    for rule, _ in rbac.rules(cluster.store, user, namespace):
        (paths if rule.get("nonResourceURLs") else resources).append(rule)
    return {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}


def _user_info(user: User) -> dict[str, Any]:
    return {"username": user.name, "groups": list(user.groups)}


def _token_review(spec: dict[str, Any], tokens: Tokens) -> dict[str, Any]:
    user = tokens.user(spec.get("token", ""))
    if user is None:
        return {"authenticated": False, "error": "invalid bearer token"}
    known = {"username": user.name, "groups": [g for g in user.groups if g != AUTHENTICATED]}
    return {"authenticated": True, "user": known}
