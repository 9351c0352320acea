"""What one node's agent has in its datapath for services, asked on demand."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.cilium.agents import read_services
from meshtui.cilium.place import namespace_of
from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError, NotFound
from meshtui.core.model.objects import Pod
from meshtui.core.model.resources import PODS
from meshtui.core.model.state import Cluster
from meshtui.core.services.evidence import Realised
from meshtui.kube.api import Api
from meshtui.mesh.probes import AGENT, LABEL


async def read_realised(api: Api, cluster: Cluster, clock: Clock) -> Realised:
    """`cilium-dbg service list` of the first running agent by name; a failure is part of the result."""
    try:
        pod = await _agent(api, cluster)
        services = await read_services(api, pod)
    except MeshtuiError as error:
        return Realised(at=clock.now(), error=error)
    return Realised(pod.spec.node_name, tuple(services), clock.now())


async def realised(api_of: Callable[[str], Api], cluster: Cluster, clock: Clock) -> Realised:
    """The same of a cluster that may not be connected."""
    try:
        api = api_of(cluster.context)
    except MeshtuiError as error:
        return Realised(at=clock.now(), error=error)
    return await read_realised(api, cluster, clock)


async def _agent(api: Api, cluster: Cluster) -> Pod:
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
    return min(running, key=lambda pod: pod.name)
