"""What one node's agent has in its datapath for services, asked on demand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from meshtui.cilium.agents import read_agent, read_services
from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError
from meshtui.core.model.state import AgentRead, Cluster, Event
from meshtui.core.services.evidence import Realised
from meshtui.kube.api import Api
from meshtui.mesh.agentpods import running_agents


async def read_realised(api: Api, cluster: Cluster, clock: Clock) -> Realised:
    """`cilium-dbg service list` of the first running agent by name; a failure is part of the result."""
    try:
        pod = (await running_agents(api, cluster))[0]
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


async def read_links(
    api_of: Callable[[str], Api], cluster: Cluster, emit: Callable[[Event], None], clock: Clock
) -> None:
    """Read the first agent's status, which tells to whom it is joined; a failure leaves that not known."""
    with contextlib.suppress(MeshtuiError):
        api = api_of(cluster.context)
        pod = (await running_agents(api, cluster))[0]
        status = await read_agent(api, pod)
        emit(AgentRead(cluster.context, pod.spec.node_name, status, at=clock.now()))
