"""The pods of one cluster's agents."""

from __future__ import annotations

from meshtui.cilium.place import namespace_of
from meshtui.core.errors import NotFound
from meshtui.core.model.objects import Pod
from meshtui.core.model.resources import PODS
from meshtui.core.model.state import Cluster
from meshtui.kube.api import Api
from meshtui.mesh.probes import AGENT, LABEL


async def running_agents(api: Api, cluster: Cluster) -> list[Pod]:
    """Those that run, by name. Raises NotFound where none does, and the API's errors."""
    namespace = await namespace_of(api)
    known = [pod for pod in cluster.pods.values() if pod.namespace == namespace and pod.labels.get(LABEL) == AGENT]
    if not known:
        listed, _ = await api.list_all(PODS, namespace, label_selector=f"{LABEL}={AGENT}")
        known = list(listed.values())
    running = [pod for pod in known if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None]
    if not running:
        raise NotFound(
            f"no running agent in {cluster.name}",
            context=cluster.context,
            resource="pods",
            hint=f"kubectl --context {cluster.context} -n {namespace} get pods -l {LABEL}={AGENT}",
        )
    return sorted(running, key=lambda pod: pod.name)
