"""Routes that are worked out once and kept while what they rest on stays: for those who ask again at every paint."""

from __future__ import annotations

from meshtui.core.model import resources as r
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.routing.decide import Offers, route
from meshtui.core.routing.model import Route
from meshtui.core.routing.surroundings import Surroundings

MOST = 1_500
"""Routes kept: of what is on a large screen in sixteen clusters, and no more: each holds its backends."""


class Routes:
    """The routes of a mesh. Only those asked for with the same `around` are kept: it stands for links and health."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._kept: dict[str, dict[str, tuple[Surroundings, Route]]] = {}
        """Service → client's context → what it was worked out with, and the route."""
        self._count = 0
        self._offers = Offers()
        self._offered = ""
        """The service that `_offers` is about."""
        self._known: dict[str, object] = {}
        """Context → its settings, its name, and of which kinds it is known what there is."""

    def __len__(self) -> int:
        return self._count

    def note(self, delta: Delta) -> None:
        """Forget what a delta makes doubtful."""
        self._offered = ""
        if delta.status:
            known: dict[str, object] = {
                c.context: (c.config, c.name, frozenset(c.objects)) for c in self.mesh.clusters.values()
            }
            if known != self._known:
                self._known = known
                self._forget()
        for (_, resource), names in delta.objects.items():
            if resource is r.NAMESPACES:
                self._forget()
            elif resource is r.SERVICES:
                self._forget_these(names)
        for services in delta.backed.values():
            self._forget_these(services)

    def _forget(self) -> None:
        self._kept.clear()
        self._count = 0

    def _forget_these(self, keys: set[str]) -> None:
        for key in keys & self._kept.keys():
            self._count -= len(self._kept.pop(key))

    def of(self, context: str, key: str, port: int | str | None, around: Surroundings | None) -> Route:
        """As `decide.route`."""
        if port is not None or around is None:
            return route(self.mesh, context, key, port=port, around=around)
        kept = self._kept.get(key)
        found = kept.get(context) if kept is not None else None
        if found is not None and found[0] is around:
            return found[1]
        if self._offered != key:
            self._offered, self._offers = key, Offers()
        made = route(self.mesh, context, key, around=around, offers=self._offers)
        if self._count >= MOST:
            self._forget()
            kept = None
        if kept is None:
            kept = self._kept[key] = {}
        self._count += context not in kept
        kept[context] = around, made
        return made
