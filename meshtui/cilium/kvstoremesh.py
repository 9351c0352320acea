"""The true state of the links between clusters: KVStoreMesh's own status."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshtui.core.errors import ClusterError, ExecFailed
from meshtui.core.model.ciliumstatus import RemoteCluster
from meshtui.core.model.objects import Pod
from meshtui.core.model.troubleshoot import Troubleshot, parse
from meshtui.core.text import clean
from meshtui.kube import exec as kube_exec
from meshtui.kube.api import Api

CONTAINER = "kvstoremesh"
LABEL = ("k8s-app", "clustermesh-apiserver")
TROUBLESHOOT = ("/usr/bin/clustermesh-apiserver", "kvstoremesh-dbg", "troubleshoot")
COMMAND = ("/usr/bin/clustermesh-apiserver", "kvstoremesh-dbg", "status", "-o", "json")


async def read_kvstoremesh(api: Api, pods: Iterable[Pod]) -> tuple[RemoteCluster, ...] | None:
    """The remote clusters as KVStoreMesh sees them; None when it is not deployed.

    `pods` may be all pods of the cluster; the first running replica that answers is taken. Raises the last
    replica's error when none does.
    """
    failure: ClusterError | None = None
    for pod in _replicas(pods):
        try:
            return await _read(api, pod)
        except ClusterError as error:
            failure = error
    if failure is not None:
        raise failure
    return None


async def read_troubleshoot(api: Api, pods: Iterable[Pod], at: float) -> tuple[Troubleshot, ...] | None:
    """How far KVStoreMesh comes on its way to each remote cluster, tried anew; None when it is not deployed.

    The agents' own `troubleshoot` would not do: with KVStoreMesh it goes to the local cache only. `at` is the time
    noted on the answers. Raises as `read_kvstoremesh`.
    """
    failure: ClusterError | None = None
    for pod in _replicas(pods):
        try:
            result = await kube_exec.run(api, pod.namespace, pod.name, TROUBLESHOOT, container=CONTAINER)
        except ClusterError as error:
            failure = error
            continue
        found = parse(result.stdout.decode("utf-8", "replace"), at)
        if found or not result.exit_code:
            return found
        words = result.stderr.decode("utf-8", "replace").strip()
        failure = _failed(api, pod, words or f"exit code {result.exit_code}")
    if failure is not None:
        raise failure
    return None


def _replicas(pods: Iterable[Pod]) -> list[Pod]:
    found = [pod for pod in pods if pod.labels.get(LABEL[0]) == LABEL[1] and _has_container(pod)]
    return sorted(found, key=lambda pod: (pod.status.phase != "Running", pod.name))


def _has_container(pod: Pod) -> bool:
    return any(container.name == CONTAINER for container in pod.spec.containers or ())


async def _read(api: Api, pod: Pod) -> tuple[RemoteCluster, ...]:
    result = await kube_exec.run(api, pod.namespace, pod.name, COMMAND, container=CONTAINER)
    words = result.stderr.decode("utf-8", "replace").strip()
    if result.exit_code:
        raise _failed(api, pod, words or f"exit code {result.exit_code}")
    try:
        return tuple(msgspec.json.decode(result.stdout, type=list[RemoteCluster] | None) or ())
    except msgspec.DecodeError as error:
        raise _failed(api, pod, words or f"its answer cannot be read: {error}") from None


def _failed(api: Api, pod: Pod, cause: str) -> ExecFailed:
    return ExecFailed(
        clean(f"{api.context}: no KVStoreMesh status from {pod.name}"),
        context=api.context,
        verb="create",
        resource="pods/exec",
        cause=clean(cause, 400),
        hint=clean(f"kubectl --context {api.context} -n {pod.namespace} logs {pod.name} -c {CONTAINER} --tail 20"),
    )
