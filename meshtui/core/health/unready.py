"""Which services have endpoints and none that is ready: looked at again where a slice changed, not all every second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshtui.core.model.state import Delta, Mesh
from meshtui.core.routing.candidates import ready_counts


class Unready:
    """Kept current by `note`: a change of one slice costs a look at one service, however many there are."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._found: dict[str, dict[str, int]] = {}
        for context in mesh.clusters:
            self._look(context, mesh.slices_of.get(context, {}))

    def note(self, delta: Delta) -> None:
        """Something changed."""
        for context, keys in delta.backed.items():
            if context in self.mesh.clusters:
                self._look(context, keys)

    def of(self, context: str) -> Mapping[str, int]:
        """Service → how many endpoints it has in a context's cluster, none of which is ready."""
        return self._found.get(context, {})

    def _look(self, context: str, keys: Iterable[str]) -> None:
        cluster = self.mesh.clusters[context]
        found = self._found.setdefault(context, {})
        for key in keys:
            ready, count = ready_counts(self.mesh, cluster, key)
            if count and not ready:
                found[key] = count
            else:
                found.pop(key, None)
