"""Flows that already happened, of one cluster: from its Relay, or from its agents."""

from __future__ import annotations

import asyncio

from msgspec import Struct
from msgspec.structs import replace

from meshtui.cilium.place import namespace_of
from meshtui.core.errors import ClusterError, ExecFailed, MeshtuiError, RelayAbsent
from meshtui.core.flows.flow import FlowRow
from meshtui.core.model.resources import PODS
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.relay import fetch
from meshtui.hubble.rows import Item, Lost, NodeStatus
from meshtui.kube.api import Api
from meshtui.mesh.flows.relays import RelayEndpoint, reach
from meshtui.mesh.flows.relaytls import RelayFlags
from meshtui.mesh.flows.source import AGENTS as FROM_AGENTS
from meshtui.mesh.flows.source import AUTO

_LIMIT = 256 << 20
_UNAVAILABLE, _ERROR = 2, 4


class PastFlows(Struct, frozen=True):
    """An answer, and what is missing of it."""

    rows: list[FlowRow]
    lost: int = 0
    """Events the nodes say were lost."""
    away: tuple[str, ...] = ()
    """Nodes that did not answer."""
    refused: tuple[str, ...] = ()
    """Sentences on Relays that answered at the cluster's addresses and are another's."""


async def past_flows(api: Api, told: RelayFlags, query: FlowQuery, source: str) -> PastFlows:
    """What a cluster's Relay (`told`: what flags say of it) or agents hold. Raises RelayError, or the API's errors."""
    query = replace(query, follow=False, mask=())
    refused: list[str] = []
    found = await _past(api, told, query, source, refused)
    return replace(found, refused=tuple(refused))


async def past_over(reached: RelayEndpoint, api: Api, query: FlowQuery) -> PastFlows:
    """What the Relay that was reached holds. Raises RelayError."""
    asked = replace(query, follow=False, mask=())

    def read() -> list[Item]:
        timeout = api.request_timeout
        return fetch(reached.address, asked, context=api.context, tls=reached.tls, timeout=timeout)

    return _sorted_out(await asyncio.to_thread(read))


async def _past(api: Api, told: RelayFlags, query: FlowQuery, source: str, refused: list[str]) -> PastFlows:
    if source == FROM_AGENTS:
        return await _of_agents(api, query)
    try:
        async with reach(api, told, refused.append) as reached:
            return await past_over(reached, api, query)
    except RelayAbsent:
        if source != AUTO:
            raise
        return await _of_agents(api, query)


def _sorted_out(items: list[Item]) -> PastFlows:
    statuses = [item for item in items if isinstance(item, NodeStatus) and item.state in (_UNAVAILABLE, _ERROR)]
    away = {node for status in statuses for node in status.nodes}
    lost = sum(item.count for item in items if isinstance(item, Lost))
    return PastFlows([item for item in items if isinstance(item, FlowRow)], lost, tuple(sorted(away)))


async def _of_agents(api: Api, query: FlowQuery) -> PastFlows:
    from meshtui.mesh.flows.agents import AGENTS, LABEL, command, rfc3339

    words = [word for word in command(query.whitelist, query.blacklist) if word != "--follow"]
    words += ["--first" if query.first else "--last", str(query.number)] if query.number else ["--all"]
    words += ["--since", rfc3339(query.since_ns)] if query.since_ns is not None else []
    words += ["--until", rfc3339(query.until_ns)] if query.until_ns is not None else []
    pods, _ = await api.list_all(PODS, await namespace_of(api), label_selector=LABEL)
    running = [pod.name for pod in pods.values() if pod.status.phase == "Running"]
    if not running:
        raise ExecFailed("no agent to ask for flows", context=api.context, cause="no cilium pod is running")
    answers = await asyncio.gather(*(_ask(api, pod, words) for pod in running[:AGENTS]), return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in failures:
        if not isinstance(failure, MeshtuiError) or len(failures) == len(answers):
            raise failure
    parts = [answer for answer in answers if isinstance(answer, PastFlows)]
    away = [pod for pod, answer in zip(running, answers, strict=False) if isinstance(answer, ClusterError)]
    rows = [row for part in parts for row in part.rows]
    return PastFlows(rows, sum(part.lost for part in parts), (*away, *running[AGENTS:]))


async def _ask(api: Api, pod: str, words: list[str]) -> PastFlows:
    from meshtui.cilium.agents import CONTAINER
    from meshtui.hubble.jsonlines import JsonLines
    from meshtui.kube.exec import run

    result = await run(api, await namespace_of(api), pod, words, container=CONTAINER, limit=_LIMIT)
    if result.exit_code:
        cause = result.stderr.decode("utf-8", "replace").strip()
        raise ExecFailed(f"{pod} tells no flows", context=api.context, cause=cause or f"exit code {result.exit_code}")
    reader = JsonLines(api.context)
    return _sorted_out(await asyncio.to_thread(lambda: [*reader.feed(result.stdout), *reader.finish()]))
