"""The mesh's only transition function: one event in, the collections edited in place, a delta out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from sys import intern
from typing import Any

from msgspec.structs import replace

from meshtui.core.errors import MeshtuiError
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model import versions
from meshtui.core.model.alike import share
from meshtui.core.model.resources import Resource
from meshtui.core.model.slices import backed_by, service_of
from meshtui.core.model.tags import tags


def reduce(mesh: s.Mesh, event: s.Event) -> s.Delta:
    """Apply `event` to `mesh` in place and name what changed; an unknown context changes nothing.

    An event that tells nothing new gives an empty delta, so listeners may redraw whatever a delta names.
    """
    mesh.generation += 1
    cluster = mesh.clusters.get(event.context)
    if cluster is None:
        return s.Delta()
    return _REDUCERS[type(event)](mesh, cluster, event)


def _status(cluster: s.Cluster, changed: bool = True) -> s.Delta:
    return s.Delta(status={cluster.context}) if changed else s.Delta()


def _move(link: s.Link, phase: s.Phase, error: MeshtuiError | None, at: float) -> bool:
    """Put `link` in `phase`; `since` moves only with the phase. Whether anything changed."""
    same_error = str(link.error or "") == str(error or "")
    if link.phase is phase and same_error:
        return False
    if link.phase is not phase:
        link.since = at
    link.phase, link.error = phase, error
    return True


def _api(mesh: s.Mesh, cluster: s.Cluster, event: s.ApiChanged) -> s.Delta:
    if event.phase is s.Phase.LIVE:
        cluster.heard["api", ""] = event.at
    changed = _move(cluster.api, event.phase, event.error, event.at)
    if event.version and event.version != cluster.version:
        cluster.version = event.version
        changed = True
    return _status(cluster, changed)


def _listed(mesh: s.Mesh, cluster: s.Cluster, event: s.Listed) -> s.Delta:
    old = cluster.objects.get(event.resource)
    if old is not None:
        _note_announced(cluster, event)
    gone = {} if old is None else dict.fromkeys(old.keys() - event.items.keys())
    delta = _store(mesh, cluster, event.resource, {**event.items, **gone})
    if old is None:
        # The first list is news even when it is empty: "none" instead of "not known yet".
        cluster.objects.setdefault(event.resource, {})
        delta.status.add(cluster.context)
    return delta


def _changed(mesh: s.Mesh, cluster: s.Cluster, event: s.Changed) -> s.Delta:
    _note_announced(cluster, event)
    return _store(mesh, cluster, event.resource, event.items)


def _note_announced(cluster: s.Cluster, event: s.Listed | s.Changed) -> None:
    """Remember when a Service's annotations for Cilium changed: what agents elsewhere said before is older."""
    if event.resource is r.SERVICES:
        held = cluster.objects.get(r.SERVICES, {})
        if any(_for_cilium(held.get(key)) != _for_cilium(new) for key, new in event.items.items()):
            cluster.announced_at = event.at


def _for_cilium(service: o.Service | None) -> dict[str, str]:
    """A Service's annotations that Cilium reads."""
    written = service.annotations if service is not None else {}
    return {name: value for name, value in written.items() if "cilium.io/" in name}


def _store(mesh: s.Mesh, cluster: s.Cluster, resource: Resource, items: Mapping[str, Any]) -> s.Delta:
    held = cluster.objects.setdefault(resource, {})
    touched: set[str] = set()
    backed: set[str] = set()
    index = mesh.slices_of.setdefault(cluster.context, {}) if resource is r.ENDPOINTSLICES else None
    share(mesh, cluster, resource, items)
    for key, new in items.items():
        old = held.get(key)
        if old is new or (old is not None and new is not None and _same(old, new)):
            continue
        if new is None:
            held.pop(key, None)
        else:
            held[intern(key) if resource is r.SERVICES else key] = new
        touched.add(key)
        if index is not None:
            _index(index, key, old, new, backed)
    if not touched:
        return s.Delta()
    delta = s.Delta(objects={(cluster.context, resource): touched})
    if backed:
        delta.backed[cluster.context] = backed
    if resource is r.NODES and _forget_agents(cluster):
        delta.status.add(cluster.context)
    return delta


def _same(old: o.Object, new: o.Object) -> bool:
    """One object at one version; without versions (hand-made objects) the fields decide."""
    a, b = old.metadata, new.metadata
    if a.resource_version and b.resource_version:
        return a.resource_version == b.resource_version and a.uid == b.uid
    return old == new


def _index(
    index: dict[str, tuple[str, ...]],
    key: str,
    old: o.EndpointSlice | None,
    new: o.EndpointSlice | None,
    backed: set[str],
) -> None:
    """Keep the index of a cluster's slices; into `backed` the services concerned, mirrored slices' among them."""
    was, now = backed_by(old), backed_by(new)
    if was and was != now:
        keys = tuple(each for each in index.get(was, ()) if each != key)
        if keys:
            index[was] = keys
        else:
            index.pop(was, None)
    if now:
        held = index.get(now, ())
        if key not in held:
            index[now] = (*held, key)
    for service in (was or service_of(old), now or service_of(new)):
        if service:
            backed.add(service)


def _forget_agents(cluster: s.Cluster) -> bool:
    """Drop what was read from agents on nodes that are gone."""
    known = cluster.agents.keys() | cluster.agent_errors.keys() | cluster.health.keys()
    gone = known - cluster.nodes.keys()
    for node in gone:
        cluster.agents.pop(node, None)
        cluster.agent_errors.pop(node, None)
        cluster.health.pop(node, None)
        for asked in (("agent", node), ("health", node)):
            cluster.heard.pop(asked, None)
            cluster.unheard.pop(asked, None)
    return bool(gone)


def _watch(mesh: s.Mesh, cluster: s.Cluster, event: s.WatchChanged) -> s.Delta:
    link = cluster.watches.get(event.resource)
    if link is None:
        cluster.watches[event.resource] = s.Link(event.phase, event.error, event.at)
        return _status(cluster)
    return _status(cluster, _move(link, event.phase, event.error, event.at))


def _config(mesh: s.Mesh, cluster: s.Cluster, event: s.ConfigRead) -> s.Delta:
    delta = _status(cluster, str(cluster.config_error or "") != str(event.error or ""))
    cluster.config_error = event.error
    # A failed read keeps the last known config; a read that finds none (no Cilium) clears it.
    if event.error is None and event.config != cluster.declared:
        names = [each.name for each in mesh.clusters.values()]
        cluster.declared = event.config
        cluster.config = event.config
        _decide_version(cluster)
        delta.status.add(cluster.context)
        _tell_apart(mesh)
        if names != [each.name for each in mesh.clusters.values()]:
            delta.status |= {each.context for each in mesh.clusters.values() if each.namesake} | _retag(mesh)
    return delta


def _decide_version(cluster: s.Cluster) -> None:
    """Put the version that runs into the configuration."""
    declared = cluster.declared
    if declared is None:
        return
    agents = [status.cilium.msg for status in cluster.agents.values()]
    home = f"{declared.name}/"
    relay = [text for node, text in cluster.relay.versions if node.startswith(home) or "/" not in node]
    cluster.config = replace(declared, version=versions.decide(agents, relay, declared.version))


def _tell_apart(mesh: s.Mesh) -> None:
    """Clusters that Cilium calls the same go by their contexts' names."""
    counts = Counter(cluster.cilium_name for cluster in mesh.clusters.values())
    for cluster in mesh.clusters.values():
        cluster.namesake = counts[cluster.cilium_name] > 1


def _twin(mesh: s.Mesh, cluster: s.Cluster, event: s.AliasFound) -> s.Delta:
    """One cluster is shown once."""
    shown = mesh.clusters.get(event.shown)
    if shown is None or shown is cluster:
        return s.Delta()
    del mesh.clusters[cluster.context]
    mesh.aliases[cluster.context] = shown.context
    shown.aliases = (*shown.aliases, cluster.context, *cluster.aliases)
    _tell_apart(mesh)
    return s.Delta(status={shown.context} | _retag(mesh))


def _retag(mesh: s.Mesh) -> set[str]:
    """Give every cluster a tag from the name it goes by now; the contexts whose tag changed."""
    clusters = list(mesh.clusters.values())
    changed = set()
    for cluster, tag in zip(clusters, tags([c.name for c in clusters]), strict=True):
        if cluster.tag != tag:
            cluster.tag = tag
            changed.add(cluster.context)
    return changed


def _hear(cluster: s.Cluster, what: s.Question, error: MeshtuiError | None, at: float) -> None:
    """Remember when a question was answered last, or since when it is not."""
    if error is None:
        cluster.heard[what] = max(at, cluster.heard.get(what, 0.0))
        cluster.unheard.pop(what, None)
    else:
        cluster.unheard.setdefault(what, at)


def _agent(mesh: s.Mesh, cluster: s.Cluster, event: s.AgentRead) -> s.Delta:
    _hear(cluster, ("agent", event.node), event.error, event.at)
    if event.error is not None:
        before = cluster.agent_errors.get(event.node)
        cluster.agent_errors[event.node] = event.error
        return _status(cluster, str(before or "") != str(event.error))
    changed = cluster.agent_errors.pop(event.node, None) is not None
    if event.status is None:
        changed |= cluster.agents.pop(event.node, None) is not None
    elif cluster.agents.get(event.node) != event.status:
        cluster.agents[event.node] = event.status
        changed = True
        _decide_version(cluster)
    return _status(cluster, changed)


def _kvstoremesh(mesh: s.Mesh, cluster: s.Cluster, event: s.KvstoremeshRead) -> s.Delta:
    _hear(cluster, ("kvstoremesh", ""), event.error, event.at)
    changed = str(cluster.kvstoremesh_error or "") != str(event.error or "")
    cluster.kvstoremesh_error = event.error
    if event.error is None and event.clusters != cluster.kvstoremesh:
        cluster.kvstoremesh = event.clusters
        changed = True
    return _status(cluster, changed)


def _troubleshot(mesh: s.Mesh, cluster: s.Cluster, event: s.TroubleshotRead) -> s.Delta:
    _hear(cluster, ("troubleshoot", ""), event.error, event.at)
    if event.error is not None:
        return s.Delta()
    found = {each.cluster: each for each in event.found}
    changed = found != cluster.troubleshot
    cluster.troubleshot = found
    return _status(cluster, changed)


def _health(mesh: s.Mesh, cluster: s.Cluster, event: s.HealthRead) -> s.Delta:
    node = event.report.node if event.report else event.node
    _hear(cluster, ("health", node), event.error, event.at)
    if event.report is None or event.report == cluster.health.get(node):
        return s.Delta()
    cluster.health[node] = event.report
    return _status(cluster)


_RELAY_FIELDS = (
    "source", "address", "nodes_connected", "nodes_unavailable", "nodes", "held_up", "lost_where", "rate", "versions",
    "refused",
)  # fmt: skip


def _relay(mesh: s.Mesh, cluster: s.Cluster, event: s.RelayChanged) -> s.Delta:
    relay = cluster.relay
    changed = False
    if event.phase is not None:
        changed = _move(relay.link, event.phase, event.error, event.at)
    for name in _RELAY_FIELDS:
        value = getattr(event, name)
        if value is not None and value != getattr(relay, name):
            setattr(relay, name, value)
            changed = True
    if event.versions is not None:
        _decide_version(cluster)
    relay.lost += event.lost
    return _status(cluster, changed or event.lost > 0)


def _access(mesh: s.Mesh, cluster: s.Cluster, event: s.AccessRead) -> s.Delta:
    kept = {action: reason for action, reason in cluster.denied.items() if action in event.unknown}
    denied = {**kept, **event.denied}
    error = next(iter(event.unknown.values()), None)
    changed = denied != cluster.denied or str(error or "") != str(cluster.access_error or "")
    cluster.denied, cluster.access_error = denied, error
    return _status(cluster, changed)


_CLOCK_JITTER = 2.0
"""Seconds by which a server's time may move between two answers without being news: it tells whole seconds."""


def _clock(mesh: s.Mesh, cluster: s.Cluster, event: s.ClockRead) -> s.Delta:
    changed = False
    if event.api is not None:
        moved = abs(event.api - cluster.clock_ahead) >= _CLOCK_JITTER or (not event.api) != (not cluster.clock_ahead)
        changed = moved or not cluster.clock_known
        cluster.clock_known = True
        if moved:
            cluster.clock_ahead = event.api
    if event.nodes is not None and event.nodes != cluster.node_clocks:
        cluster.node_clocks = dict(event.nodes)
        changed = True
    return _status(cluster, changed)


_REDUCERS: dict[type, Callable[[s.Mesh, s.Cluster, Any], s.Delta]] = {
    s.ApiChanged: _api,
    s.AliasFound: _twin,
    s.Listed: _listed,
    s.Changed: _changed,
    s.WatchChanged: _watch,
    s.ConfigRead: _config,
    s.AgentRead: _agent,
    s.KvstoremeshRead: _kvstoremesh,
    s.TroubleshotRead: _troubleshot,
    s.HealthRead: _health,
    s.RelayChanged: _relay,
    s.AccessRead: _access,
    s.ClockRead: _clock,
}
