"""Which pod and container a request about a running process means."""

from __future__ import annotations

from meshtui.sim.api.errors import ApiError, bad_request, not_found
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster


def container_of(pod: Object, asked: str) -> str:
    """The container a request means. Raises ApiError 400."""
    name = pod["metadata"]["name"]
    spec = pod.get("spec", {})
    names: list[str] = [c["name"] for c in spec.get("containers") or []]
    inits: list[str] = [c["name"] for c in spec.get("initContainers") or []]
    if asked:
        if asked not in (*names, *inits):
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(names) > 1:
        told = f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        if inits:
            told += f" or one of the init containers: [{' '.join(inits)}]"
        raise bad_request(told)
    return names[0]


def running_pod(cluster: SimCluster, namespace: str, name: str) -> Object:
    """The pod. Raises ApiError 404."""
    pod = cluster.store.get(("", "pods"), namespace, name)
    if pod is None:
        raise not_found("pods", "", name)
    return pod


def must_run(pod: Object, container: str) -> None:
    """Refuse what has no running process. Raises ApiError 500, as the kubelet's refusal comes through."""
    states = (pod.get("status") or {}).get("containerStatuses") or []
    if any(s["name"] == container and "running" not in s.get("state", {}) for s in states):
        message = f'unable to upgrade connection: container not found ("{container}")'
        raise ApiError(500, "InternalError", message)
