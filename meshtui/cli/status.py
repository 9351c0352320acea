"""`meshtui status`: clusters, the links between them, their Relays; exit 1 when something is degraded."""

from __future__ import annotations

import asyncio
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.core.errors import Exit, MeshtuiError
from meshtui.core.model.links import LinkState, LinkVerdict, links
from meshtui.core.model.resources import DAEMONSETS, DEPLOYMENTS, NODES
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

RESOURCES = (NODES, DAEMONSETS, DEPLOYMENTS)
CLUSTERS = ("cluster", "id", "state", "kubernetes", "cilium", "nodes", "agents", "relay", "problem")
LINKS = ("from", "to", "state", "agents", "latency_ms", "detail")
_RELAY_PATIENCE = 5.0


def main(arguments: Any) -> int:
    """Print it."""
    return headless.wait_for(_main(arguments))


async def _main(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    async with headless.new_session(settings, Scope(RESOURCES, access=False)) as session:
        await session.settled(settings.request_timeout + headless.GRACE)
        await _relays(session, min(_RELAY_PATIENCE, settings.request_timeout))
        problems = headless.unreached(session.mesh, settings)
        clusters = [row(cluster, problems.get(cluster.context)) for cluster in session.mesh.clusters.values()]
        joined = [link_row(session.mesh, link) for link in links(session.mesh)]
        _print(clusters, joined, arguments.output)
        return _verdict(session.mesh, problems)


async def _relays(session: Session, patience: float) -> None:
    """Wait until no Relay is being looked for any more, at most that long."""

    def undecided() -> bool:
        return any(
            cluster.api.phase is Phase.LIVE and cluster.relay.link.phase is Phase.CONNECTING
            for cluster in session.mesh.clusters.values()
        )

    changed = asyncio.Event()
    unsubscribe = session.subscribe(lambda _: changed.set())
    try:
        async with asyncio.timeout(patience):
            while undecided():
                changed.clear()
                await changed.wait()
    except TimeoutError:
        return
    finally:
        unsubscribe()


def _print(clusters: list[dict[str, Any]], joined: list[dict[str, Any]], form: str) -> None:
    if form == "table":
        output.table(clusters, CLUSTERS)
        if joined:
            output.emit("")
            output.table(joined, LINKS)
    elif form == "jsonl":
        output.lines([{"kind": "cluster", **row} for row in clusters] + [{"kind": "link", **row} for row in joined])
    else:
        output.document({"clusters": clusters, "links": joined}, form)


def row(cluster: Cluster, problem: MeshtuiError | None) -> dict[str, Any]:
    """One cluster as plain data."""
    problem = problem or _problem(cluster)
    ready = sum(_ready(node) for node in cluster.nodes.values())
    version = cluster.config.version if cluster.config else (0, 0)
    relay = cluster.relay
    agents = len(cluster.agents) + len(cluster.agent_errors)
    return {
        "context": cluster.context,
        "cluster": cluster.name,
        "id": cluster.id or None,
        "state": cluster.api.phase.value if problem is None or cluster.api.phase is not Phase.LIVE else "degraded",
        "kubernetes": cluster.version,
        "cilium": f"{version[0]}.{version[1]}" if version != (0, 0) else None,
        "nodes": f"{ready}/{len(cluster.nodes)}" if cluster.nodes else None,
        "agents": f"{len(cluster.agents)}/{agents}" if agents else None,
        "relay": relay.link.phase.value + (f" ({relay.source.value})" if relay.link.phase is Phase.LIVE else ""),
        "problem": str(problem) if problem else None,
        "next": problem.hint if problem else None,
    }


def _ready(node: Any) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or ())


def _problem(cluster: Cluster) -> MeshtuiError | None:
    """The first thing that is wrong with a cluster that answers."""
    broken = [link.error for link in cluster.watches.values() if link.error is not None and link.phase is Phase.FAILED]
    asked = [cluster.config_error, *cluster.agent_errors.values(), cluster.access_error]
    found = [*broken, *asked, cluster.relay.link.error]
    return next((error for error in found if error is not None), None)


def link_row(mesh: Mesh, link: LinkState) -> dict[str, Any]:
    """One directed link as plain data."""
    return {
        "from": mesh.clusters[link.source].name,
        "to": link.target,
        "state": link.verdict.value,
        "agents": f"{link.ready}/{link.agents}" if link.agents else None,
        "latency_ms": link.latency_ms,
        "shared_services": link.shared_services,
        "silent_nodes": list(link.silent_nodes),
        "detail": link.sentence,
    }


def _verdict(mesh: Mesh, problems: dict[str, MeshtuiError]) -> int:
    """The exit code: a failure's own when no cluster answers, 1 when something is degraded."""
    for error in problems.values():
        words.complain(error)
    if problems and len(problems) == len(mesh.clusters):
        return next(iter(problems.values())).exit_code
    bad_links = any(link.verdict not in (LinkVerdict.READY, LinkVerdict.NOT_CONFIGURED) for link in links(mesh))
    sick = any(_problem(cluster) is not None for cluster in mesh.clusters.values())
    not_ready = any(not _ready(node) for cluster in mesh.clusters.values() for node in cluster.nodes.values())
    return Exit.DEGRADED if problems or bad_links or sick or not_ready else Exit.OK
