"""Finds the pod a load test runs in: a ready one of the workload a person named."""

from __future__ import annotations

from meshtui.core.errors import ClusterError, NotFound
from meshtui.core.load.origins import is_ready
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.objects import Pod
from meshtui.core.model.resources import DEPLOYMENTS, PODS
from meshtui.kube.api import Api

_POD = "pod/"


async def find_client(api: Api, spec: LoadSpec) -> str:
    """Name of the pod; raises NotFound when there is no such workload, or none of its pods is ready."""
    if spec.workload.startswith(_POD):
        try:
            pod: Pod = await api.get(PODS, spec.workload.removeprefix(_POD), spec.namespace)
        except NotFound:
            raise _nobody(api, spec, f"there is no {spec.workload} in {spec.namespace}") from None
        if is_ready(pod):
            return pod.name
        raise _nobody(api, spec, f"pod {pod.name} is not ready")
    name = spec.workload.removeprefix("deploy/").removeprefix("deployment/")
    try:
        deployment = await api.get(DEPLOYMENTS, name, spec.namespace)
    except NotFound:
        raise _nobody(api, spec, f"there is no deployment {spec.namespace}/{name}") from None
    labels = deployment.spec.selector.match_labels or {}
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods, _ = await api.list_all(PODS, spec.namespace, label_selector=selector)
    ready: list[str] = sorted(pod.name for pod in pods.values() if is_ready(pod))
    if not ready:
        raise _nobody(api, spec, f"none of {len(pods)} pods of {spec.namespace}/{name} is ready")
    return ready[0]


def _nobody(api: Api, spec: LoadSpec, cause: str) -> ClusterError:
    return NotFound(
        f"{api.context} has no client to send requests from",
        context=api.context,
        resource="pods",
        cause=cause,
        hint=f"kubectl --context {api.context} -n {spec.namespace} get pods; or choose another with --from",
    )
