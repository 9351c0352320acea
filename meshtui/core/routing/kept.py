"""Routes that are worked out once and kept while what they rest on stays: for those who ask again at every paint."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshtui.core.model import resources as r
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.routing.candidates import service_of
from meshtui.core.routing.decide import Offers, route
from meshtui.core.routing.model import Route
from meshtui.core.routing.surroundings import Surroundings

MOST = 1_500
"""Routes kept: of what is on a large screen in sixteen clusters, and no more: each holds its backends."""


@dataclass(slots=True)
class _Kept:
    """What is known of one service."""

    slices: frozenset[tuple[str, str]]
    """(context, EndpointSlice) of all that its routes were worked out with."""
    routes: dict[str, tuple[Surroundings, Route]] = field(default_factory=dict)
    """Client's context → what it was worked out with, and the route."""


class Routes:
    """The routes of a mesh. Only those asked for with the same `around` are kept: it stands for links and health."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._kept: dict[str, _Kept] = {}
        self._count = 0
        self._offers = Offers()
        self._offered = ""
        """The service that `_offers` is about."""
        self._configs: dict[str, object] = {}

    def __len__(self) -> int:
        return self._count

    def note(self, delta: Delta) -> None:
        """Forget what a delta makes doubtful."""
        self._offered = ""
        if delta.status:
            configs: dict[str, object] = {c.context: (c.config, c.name) for c in self.mesh.clusters.values()}
            if configs != self._configs:
                self._configs = configs
                self._forget()
        for (context, resource), names in delta.objects.items():
            if resource == r.NAMESPACES or (resource in (r.SERVICES, r.ENDPOINTSLICES) and not names):
                self._forget()
            elif resource == r.SERVICES:
                self._forget_these(names)
            elif resource == r.ENDPOINTSLICES:
                self._forget_these(self._of_slices(context, names))

    def _forget(self) -> None:
        self._kept.clear()
        self._count = 0

    def _forget_these(self, keys: set[str]) -> None:
        for key in keys & self._kept.keys():
            self._count -= len(self._kept.pop(key).routes)

    def _of_slices(self, context: str, names: set[str]) -> set[str]:
        """Services that slices belong to now, and those whose routes were worked out with them."""
        known = self.mesh.clusters[context].endpointslices
        changed = {(context, name) for name in names}
        now = {service_of(known[name]) for name in names if name in known}
        return now | {key for key, kept in self._kept.items() if not kept.slices.isdisjoint(changed)}

    def of(self, context: str, key: str, port: int | str | None, around: Surroundings | None) -> Route:
        """As `decide.route`."""
        if port is not None or around is None:
            return route(self.mesh, context, key, port=port, around=around)
        kept = self._kept.get(key)
        found = kept.routes.get(context) if kept is not None else None
        if found is not None and found[0] is around:
            return found[1]
        if self._offered != key:
            self._offered, self._offers = key, Offers()
        made = route(self.mesh, context, key, around=around, offers=self._offers)
        if self._count >= MOST:
            self._forget()
            kept = None
        if kept is None:
            slices = ((c, name) for c, index in self.mesh.slices_of.items() for name in index.get(key, ()))
            kept = self._kept[key] = _Kept(frozenset(slices))
        self._count += context not in kept.routes
        kept.routes[context] = around, made
        return made
