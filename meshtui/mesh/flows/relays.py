"""How one cluster's Hubble Relay is reached: as told, else directly, else through a port-forward.

Whatever is dialled at an address must prove that it belongs to the cluster: addresses are used twice, published by one
cluster and answered by another. Through the API server's tunnel nothing needs proof.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from msgspec import Struct

from meshtui.cilium.place import namespace_of
from meshtui.cilium.relaycerts import authority
from meshtui.core.errors import ClusterError, NotFound, RelayAbsent, RelayError
from meshtui.core.model.resources import NODES, SERVICES
from meshtui.core.model.state import FlowSource
from meshtui.hubble.dial import TlsOptions
from meshtui.hubble.relay import HubbleNode, answers, get_nodes
from meshtui.kube.api import Api
from meshtui.kube.portforward import forward, resolve_service_pod
from meshtui.mesh.flows import belonging, relaytls
from meshtui.mesh.flows.relaytls import RelayFlags

SERVICE = "hubble-relay"
DIRECT_SECONDS = 1.0
"""How long a published address may take to connect, and then to answer, before the port-forward is taken."""
_TLS_PORT = 443
_ASKED_SECONDS = 2.0
"""How long a told Relay may take to name its nodes."""

Refuse = Callable[[str], None]
"""Is told, in a sentence, of each address that answered and is not the cluster's."""


class RelayEndpoint(Struct, frozen=True):
    """An address gRPC can dial, how it was found, and how to talk there."""

    address: str
    source: FlowSource
    tls: TlsOptions | None = None


def nodes_of(reached: RelayEndpoint, context: str, timeout: float) -> list[HubbleNode]:
    """The nodes behind a Relay; blocks. Raises RelayError."""
    return get_nodes(reached.address, context=context, tls=reached.tls, timeout=timeout)


@contextlib.asynccontextmanager
async def reach(api: Api, told: RelayFlags, refuse: Refuse = lambda _: None) -> AsyncIterator[RelayEndpoint]:
    """The Relay's address for as long as the block lasts.

    `told` is what the flags say of it: another cluster's Relay is refused, and the cluster's own looked for.
    Raises RelayAbsent when the cluster has no Relay or none that is ready, RelayError when a told one wants another
    TLS, else what the API server says.
    """
    if told.address:
        tls = await relaytls.agreed(api, told)
        address = told.address.removeprefix(relaytls.SCHEME)
        why = await _other_cluster(api, address, tls)
        if not why:
            yield RelayEndpoint(address, FlowSource.RELAY_DIRECT, tls)
            return
        refuse(why)
        # What was said of the TLS of that address says nothing of the cluster's own.
        told = RelayFlags()
    service = await _service(api)
    secure = _first_port(service) == _TLS_PORT
    tls = await relaytls.options(api, told, await authority(api)) if secure else None
    # Through the API server the tunnel is authenticated already; a bare address is dialled only if we can check it.
    if tls is None or not tls.insecure:
        address = await _direct(api, service, tls, refuse)
        if address:
            yield RelayEndpoint(address, FlowSource.RELAY_DIRECT, tls)
            return
    pod, port = await _pod(api)
    async with forward(api, await namespace_of(api), pod, port) as address:
        yield RelayEndpoint(address, FlowSource.RELAY_FORWARD, tls)


async def _service(api: Api) -> Mapping[str, Any]:
    where = SERVICE
    try:
        namespace = await namespace_of(api)
        where = f"{namespace}/{SERVICE}"
        service = await api.get_raw(SERVICES.path(namespace, SERVICE))
    except NotFound:
        raise RelayAbsent(
            f"{api.context} has no Hubble Relay",
            context=api.context,
            cause=f"there is no Service {where}",
            hint=f"cilium hubble enable --context {api.context}",
        ) from None
    return service if isinstance(service, Mapping) else {}


async def _pod(api: Api) -> tuple[str, int]:
    namespace = await namespace_of(api)
    try:
        return await resolve_service_pod(api, namespace, SERVICE)
    except NotFound as error:
        raise RelayAbsent(
            f"{api.context}'s Hubble Relay is not ready",
            context=api.context,
            cause=error.cause,
            hint=f"kubectl --context {api.context} -n {namespace} rollout status deploy/{SERVICE}",
        ) from None


def _ports(service: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    ports = (service.get("spec") or {}).get("ports")
    return [port for port in ports or [] if isinstance(port, Mapping)]


def _first_port(service: Mapping[str, Any]) -> int:
    ports = _ports(service)
    return int(ports[0].get("port") or 0) if ports else 0


async def _direct(api: Api, service: Mapping[str, Any], tls: TlsOptions | None, refuse: Refuse) -> str:
    """The first published address where the cluster's Relay answers in time; empty when none does."""
    addresses = [*_balanced(service), *await _node_ports(api, service)]
    tries = [asyncio.create_task(_answers(api, address, tls, refuse)) for address in addresses]
    try:
        for attempt in asyncio.as_completed(tries):
            address = await attempt
            if address:
                return address
    finally:
        for task in tries:
            task.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
    return ""


async def _other_cluster(api: Api, address: str, tls: TlsOptions | None) -> str:
    """Why a Relay that a person named is another cluster's; empty when it is not, or does not tell.

    Who names an address vouches for it: only another cluster's name speaks against that.
    """
    options: Any = {"context": api.context, "tls": tls, "timeout": _ASKED_SECONDS}
    try:
        nodes = await asyncio.to_thread(get_nodes, address, **options)
    except RelayError:
        return ""
    judged = await belonging.judge(api, address, [node.name for node in nodes])
    return judged.why if judged.owner is belonging.RelayOwner.STRANGER else ""


def _balanced(service: Mapping[str, Any]) -> list[str]:
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    hosts = [str(entry.get("ip") or entry.get("hostname") or "") for entry in ingress if isinstance(entry, Mapping)]
    return [_join(host, _first_port(service)) for host in hosts if host]


async def _node_ports(api: Api, service: Mapping[str, Any]) -> list[str]:
    ports = _ports(service)
    node_port = int(ports[0].get("nodePort") or 0) if ports else 0
    if not node_port:
        return []
    hosts: list[str] = []
    with contextlib.suppress(ClusterError):
        async for nodes, _ in api.pages(NODES):
            for node in nodes:
                found = {a.type: a.address for a in node.status.addresses or ()}
                hosts += [address for kind in ("ExternalIP", "InternalIP") if (address := found.get(kind))]
            break
    return [_join(host, node_port) for host in hosts[:4]]


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _answers(api: Api, address: str, tls: TlsOptions | None, refuse: Refuse) -> str:
    """`address` if the cluster's Relay is there; an open port proves nothing: proxies and networks have them too."""
    host, _, port = address.rpartition(":")
    options: Any = {"context": api.context, "tls": tls, "timeout": DIRECT_SECONDS}
    try:
        async with asyncio.timeout(DIRECT_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.close()
        await writer.wait_closed()
        if not await asyncio.to_thread(answers, address, **options):
            return ""
        nodes = await asyncio.to_thread(get_nodes, address, **options)
    except (TimeoutError, OSError, RelayError):
        return ""
    judged = await belonging.judge(api, address, [node.name for node in nodes])
    if judged.owner is belonging.RelayOwner.OURS:
        return address
    if judged.why:
        refuse(judged.why)
    return ""
