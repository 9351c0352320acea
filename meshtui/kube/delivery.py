"""What followers of one resource tell the state: one Listed for all namespaces, one phase, no repetition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from meshtui.core.clock import Clock
from meshtui.core.errors import Forbidden, MeshtuiError, NotFound
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Changed, Event, Listed, Phase, WatchChanged

_WORST_FIRST = (Phase.FAILED, Phase.STALE, Phase.CONNECTING, Phase.ABSENT, Phase.LIVE)


class Deliver:
    """Collects what the followers of each namespace found into events of one (cluster, resource)."""

    def __init__(
        self,
        context: str,
        resource: Resource,
        namespaces: Sequence[str],
        emit: Callable[[Event], None],
        clock: Clock,
        aside: Sequence[str] = (),
    ) -> None:
        self._aside = frozenset(aside)
        self._context = context
        self._resource = resource
        self._emit = emit
        self._clock = clock
        self._phases = dict.fromkeys(namespaces, Phase.CONNECTING)
        self._errors: dict[str, MeshtuiError] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self._shared = len(self._phases) > 1
        self._told: tuple[Phase, str] = (Phase.CONNECTING, "")

    def listed(self, namespace: str, items: dict[str, Any]) -> None:
        """A namespace was listed from scratch."""
        self._items[namespace] = items if self._shared else {}
        self._phases[namespace] = Phase.LIVE
        self._errors.pop(namespace, None)
        if self._shared:
            self._list_together()
        else:
            self._emit(Listed(self._context, self._resource, items, self._clock.now()))
        self._tell()

    def changed(self, namespace: str, changes: dict[str, Any]) -> None:
        """A batch of events of one namespace."""
        if self._shared:
            kept = self._items[namespace]
            for key, item in changes.items():
                if item is None:
                    kept.pop(key, None)
                else:
                    kept[key] = item
        self._emit(Changed(self._context, self._resource, changes, self._clock.now()))

    def live(self, namespace: str) -> None:
        """A namespace's watch is open."""
        self._phases[namespace] = Phase.LIVE
        self._errors.pop(namespace, None)
        self._tell()

    def failed(self, namespace: str, error: MeshtuiError) -> None:
        """A namespace's list or watch failed. One that is looked at aside may be forbidden: that is no failure."""
        if namespace in self._aside and isinstance(error, Forbidden):
            self.listed(namespace, {})
            return
        phase = Phase.STALE if namespace in self._items else Phase.FAILED
        if isinstance(error, Forbidden):
            phase = Phase.FAILED
        elif isinstance(error, NotFound):
            phase = Phase.ABSENT if self._resource.optional else Phase.FAILED
        gone = isinstance(error, NotFound) and self._items.pop(namespace, None) is not None
        answered = self._phases[namespace] is Phase.CONNECTING
        self._phases[namespace] = phase
        self._errors[namespace] = error
        if gone or (self._shared and answered):
            self._list_together()
        self._tell()

    def _list_together(self) -> None:
        """All namespaces as one list, once each has answered; a relist of one repeats the others as they stand."""
        if Phase.CONNECTING not in self._phases.values():
            items = {key: item for part in self._items.values() for key, item in part.items()}
            self._emit(Listed(self._context, self._resource, items, self._clock.now()))

    def _tell(self) -> None:
        """Emit the worst namespace's phase when it is another than before."""
        phase = next(each for each in _WORST_FIRST if each in self._phases.values())
        namespace = next(name for name, each in self._phases.items() if each is phase)
        error = self._errors.get(namespace)
        told = (phase, str(error) if error is not None else "")
        if told != self._told:
            self._told = told
            self._emit(WatchChanged(self._context, self._resource, phase, self._clock.now(), error))
