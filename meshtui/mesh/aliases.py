"""One cluster behind two contexts: a kubeconfig may name it by two addresses, or for two users (Rancher's do)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from meshtui.core.errors import ClusterError
from meshtui.core.model.resources import NAMESPACES
from meshtui.core.model.state import Delta, Mesh
from meshtui.kube.api import Api

OF_THE_CLUSTER = "kube-system"
"""The namespace whose uid stands for the cluster: made with it, never made anew."""
PATIENCE = 1.0
"""Seconds that a context waits for those before it, so that the same one of two aliases is shown every time."""


def of_those_shown(mesh: Mesh, listener: Callable[[Delta], None]) -> Callable[[Delta], None]:
    """`listener`, told of no cluster that was left out since."""

    def told(delta: Delta) -> None:
        delta.status &= mesh.clusters.keys()
        listener(delta)

    return told


class Aliases:
    """Which context shows which cluster, in one session. Belongs on the event loop."""

    def __init__(self, contexts: Sequence[str]) -> None:
        self._order = {context: at for at, context in enumerate(contexts)}
        self._decided = {context: asyncio.Event() for context in contexts}
        self._shown: dict[str, str] = {}

    def tried(self, context: str) -> None:
        """A context was found unreachable, or is decided: nobody waits for it."""
        self._decided[context].set()

    async def alias_of(self, context: str, api: Api) -> str:
        """The context that shows this cluster already; empty when this one is to. Who may not see the uid is shown."""
        try:
            uid = (await api.get(NAMESPACES, OF_THE_CLUSTER)).metadata.uid
            if not uid:
                return ""
            if uid not in self._shown:
                await self._earlier(context)
            shown = self._shown.setdefault(uid, context)
        except ClusterError:
            return ""
        finally:
            self.tried(context)
        return shown if shown != context else ""

    async def _earlier(self, context: str) -> None:
        earlier = [each.wait() for name, each in self._decided.items() if self._order[name] < self._order[context]]
        if earlier:
            waiting = [asyncio.ensure_future(each) for each in earlier]
            _, late = await asyncio.wait(waiting, timeout=PATIENCE)
            for each in late:
                each.cancel()
