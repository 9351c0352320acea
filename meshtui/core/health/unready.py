"""Which services have endpoints and none that is ready: looked at again where a slice changed, not all every second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshtui.core.model import resources as r
from meshtui.core.model.reduce import service_of
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.routing.candidates import ready_counts


class Unready:
    """Kept current by `note`: a change of one slice costs a look at one service, however many there are."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._found: dict[str, dict[str, int]] = {}
        self._owners: dict[tuple[str, str], str] = {}
        for context, cluster in mesh.clusters.items():
            self._look(context, cluster.endpointslices)

    def note(self, delta: Delta) -> None:
        """Something changed."""
        for (context, resource), names in delta.objects.items():
            if resource is r.ENDPOINTSLICES and context in self.mesh.clusters:
                self._look(context, names)

    def of(self, context: str) -> Mapping[str, int]:
        """Service → how many endpoints it has in a context's cluster, none of which is ready."""
        return self._found.get(context, {})

    def _look(self, context: str, names: Iterable[str]) -> None:
        """Look at the services that these slices belong to, and at those they belonged to before."""
        cluster = self.mesh.clusters[context]
        keys: set[str] = set()
        for name in names:
            place = context, name
            keys.add(self._owners.pop(place, ""))
            now = service_of(cluster.endpointslices.get(name))
            if now:
                self._owners[place] = now
                keys.add(now)
        found = self._found.setdefault(context, {})
        for key in keys - {""}:
            ready, count = ready_counts(self.mesh, cluster, key)
            if count and not ready:
                found[key] = count
            else:
                found.pop(key, None)
