"""Asks the API server whether the nodes that a Relay names are the cluster's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from meshtui.cilium.config import read_name
from meshtui.core.clock import Clock
from meshtui.core.errors import ClusterError, NotFound
from meshtui.core.flows.belonging import RelayOwner, RelayOwnership, candidates, judged
from meshtui.core.model import state as s
from meshtui.core.model.resources import NODES
from meshtui.core.text import clean
from meshtui.kube.api import Api

__all__ = ["ForeignRelays", "RelayOwner", "RelayOwnership", "judge"]

_LOOKED_UP = 5
"""Nodes of a Relay that are looked up: one that the API server knows is enough."""
_TOLD_OF = 4
"""So many strangers of a cluster."""


class ForeignRelays(Struct):
    """Tells of the Relays that answered at one cluster's addresses and are another's, each once."""

    context: str
    clock: Clock
    emit: Callable[[s.Event], None]
    _told: tuple[str, ...] = ()

    def refuse(self, why: str) -> None:
        """One was met."""
        if why not in self._told:
            self._told = (*self._told, why)[-_TOLD_OF:]
            self.emit(s.RelayChanged(self.context, self.clock.now(), refused=self._told))


async def judge(api: Api, address: str, nodes: Sequence[str]) -> RelayOwnership:
    """Whose Relay it is, by what this person may read. Never raises for what the API server refuses."""
    try:
        name = await read_name(api)
    except ClusterError:
        name = ""
    shown = [clean(node, 120) for node in nodes]
    return judged(clean(api.context), clean(address), shown, clean(name), await _known(api, candidates(nodes, name)))


async def _known(api: Api, names: Sequence[str]) -> Collection[str] | None:
    for name in names[:_LOOKED_UP]:
        try:
            await api.get(NODES, name)
        except NotFound:
            continue
        except ClusterError:
            return None
        return (name,)
    return ()
