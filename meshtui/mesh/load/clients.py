"""Finds the pod a load test runs in: a ready one of the workload a person named."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from meshtui.core.errors import ClusterError, Forbidden, NotFound
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.objects import Pod
from meshtui.core.model.resources import PODS
from meshtui.core.reach import is_ready
from meshtui.kube.api import Api

_POD = "pod/"
_KINDS = (
    (("deploy", "deployment", "deployments"), "deployments"),
    (("sts", "statefulset", "statefulsets"), "statefulsets"),
    (("ds", "daemonset", "daemonsets"), "daemonsets"),
)
"""What a workload's kind may be called → its plural, in the order in which a bare name is looked for."""


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
    kind, _, name = spec.workload.rpartition("/")
    pods = await _pods_of(api, spec.namespace, kind, name)
    if pods is None:
        said = f"there is no {kind} {name}" if kind else "no Deployment, StatefulSet, DaemonSet or pod is called that"
        raise _nobody(api, spec, f"{said} ({spec.namespace}/{name})")
    ready: list[str] = sorted(pod.name for pod in pods if is_ready(pod))
    if not ready:
        raise _nobody(api, spec, f"none of {len(pods)} pods of {spec.namespace}/{name} is ready")
    return ready[0]


async def _pods_of(api: Api, namespace: str, kind: str, name: str) -> list[Pod] | None:
    """The pods of the workload of this name: of the kind that was said, else of the first that there is; None: none.

    Raises Forbidden where it cannot be told whether there is one.
    """
    refused: Forbidden | None = None
    for words, plural in _KINDS:
        if kind and kind.lower() not in words:
            continue
        try:
            found = await api.get_raw(f"/apis/apps/v1/namespaces/{namespace}/{plural}/{name}")
        except NotFound:
            continue
        except Forbidden as error:
            refused = refused or error
            continue
        selector = selector_text((found.get("spec") or {}).get("selector") or {})
        listed, _ = await api.list_all(PODS, namespace, label_selector=selector)
        return list(listed.values())
    if not kind:
        with contextlib.suppress(NotFound):
            return [await api.get(PODS, name, namespace)]
    if refused is not None:
        raise refused
    return None


def selector_text(selector: Mapping[str, Any]) -> str:
    """A LabelSelector, expressions included, as the API server takes it in a query."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or []:
        key, values = expression.get("key", ""), ",".join(expression.get("values") or [])
        match expression.get("operator"):
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case "DoesNotExist":
                parts.append(f"!{key}")
    return ",".join(parts)


def _nobody(api: Api, spec: LoadSpec, cause: str) -> ClusterError:
    return NotFound(
        f"{api.context} has no client to send requests from",
        context=api.context,
        resource="pods",
        cause=cause,
        hint=f"kubectl --context {api.context} -n {spec.namespace} get pods; or choose another with --from",
    )
