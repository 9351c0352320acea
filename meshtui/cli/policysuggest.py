"""`meshtui policies suggest`: the least policies that cover drops, or traffic that was seen; words go beside."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.cli.recentflows import read_past
from meshtui.core.errors import Exit, MeshtuiError, UsageError
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.times import point
from meshtui.core.model import state as s
from meshtui.core.model.resources import ENDPOINTSLICES, NAMESPACES, PODS, POLICIES, SERVICES
from meshtui.core.model.state import Mesh
from meshtui.core.model.tags import tags
from meshtui.core.policy.mend import Proposal, Suggestion, suggest
from meshtui.core.settings import Settings
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

RESOURCES = (*POLICIES, NAMESPACES, PODS, SERVICES, ENDPOINTSLICES)
MINUTES = "5m"


def main(arguments: Any) -> int:
    """Suggest."""
    return headless.wait_for(_suggest(arguments))


async def _suggest(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    recorded = None if arguments.recording is None else await asyncio.to_thread(_read, Path(arguments.recording))
    scope = Scope(RESOURCES, status=False, access=False, flows=False)
    try:
        async with headless.opened(settings, scope) as session:
            rows, code = recorded, 0
            if rows is None:
                rows, code = await _flows(session, settings, arguments.suggest_since)
            code = max(code, headless.missing_data(session, POLICIES[:1], RESOURCES[1:], time=recorded is None))
            return max(code, _tell(session.mesh, rows, arguments, headless.shown_namespaces(session.settings)))
    except MeshtuiError as error:
        if recorded is None:
            raise
        words.complain(error)
        words.say("meshtui: the file alone is read: policies that are in place are not known")
    return _tell(_mesh_of(Path(arguments.recording)), recorded, arguments, frozenset(settings.namespaces))


def _read(path: Path) -> list[FlowRow]:
    """The flows of a file. Raises UsageError."""
    from meshtui.hubble.jsonlines import read
    from meshtui.mesh.flows.replay import opened

    with opened(path) as file:
        try:
            rows = [item for item in read(file, "file") if isinstance(item, FlowRow)]
        except (OSError, EOFError) as error:
            raise UsageError(f"cannot read {path}", cause=str(error), hint="is it complete?") from error
    if not rows:
        raise UsageError(
            f"{path} holds no flows", hint="`meshtui flows -o jsonl` and `hubble observe -o jsonpb` write some"
        )
    return rows


def _mesh_of(path: Path) -> Mesh:
    """The clusters a file names, of which nothing else is known."""
    from meshtui.mesh.flows.replay import clusters_in

    names = sorted(clusters_in(path))
    labelled = zip(names, tags(names), strict=True)
    return Mesh({name: s.Cluster(name, label, at) for at, (name, label) in enumerate(labelled)})


async def _flows(session: Session, settings: Settings, since: str | None) -> tuple[list[FlowRow], int]:
    """What the clusters' Relays or agents still hold of the last minutes; 1 where some is missing."""
    from meshtui.hubble.query import FlowQuery

    begin = point(since or MINUTES, time.time())
    rows, code = await read_past(session, settings, FlowQuery((), (), number=settings.flow_capacity, since_ns=begin))
    return list({(row.node, row.uuid): row for row in rows}.values()), code


def _tell(mesh: Mesh, rows: list[FlowRow], arguments: Any, namespaces: frozenset[str]) -> int:
    found = suggest(mesh, rows, allow_seen=arguments.allow_seen)
    policies = [each for each in found.policies if not namespaces or each.namespace in namespaces]
    if arguments.output in ("json", "jsonl"):
        output.show([_json(each) for each in policies], (), arguments.output)
    else:
        _yaml(policies)
    _words(found, len(policies), seen=arguments.allow_seen)
    return Exit.DEGRADED if found.breaks else Exit.OK


def _json(each: Proposal) -> dict[str, Any]:
    return {
        "context": each.context,
        "cluster": each.cluster,
        "direction": each.direction.value,
        "manner": each.manner.value,
        "manifest": each.manifest,
        "opens": [str(opening) for opening in each.openings],
        "beyond": [str(opening) for opening in each.beside],
    }


def _yaml(policies: list[Proposal]) -> None:
    """A document for each, which says in a comment where it belongs."""
    for each in policies:
        output.emit("---")
        output.emit(f"# kubectl --context {output.plain(each.context)} apply -f -: {output.plain(each.title)}")
        output.document(dict(each.manifest), "yaml")


def _words(found: Suggestion, count: int, *, seen: bool) -> None:
    what = "connections that were seen" if seen else "connections that were dropped"
    words.say(f"meshtui: {count} policies for {found.covered} {what}")
    for heading, texts in (
        ("note", found.notes),
        ("wider than the evidence", found.wider),
        ("still refused" if not seen else "would break", found.breaks),
    ):
        for text in texts:
            words.say(f"meshtui: {heading}: {output.plain(text)}")
