"""Asks the API server whether the nodes that a Relay names are the cluster's."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from meshtui.cilium.config import read_name
from meshtui.core.errors import ClusterError, NotFound
from meshtui.core.flows.belonging import Judgement, Standing, candidates, judged
from meshtui.core.model.resources import NODES
from meshtui.core.text import clean
from meshtui.kube.api import Api

__all__ = ["Judgement", "Standing", "judge"]

_LOOKED_UP = 5
"""Nodes of a Relay that are looked up: one that the API server knows is enough."""


async def judge(api: Api, address: str, nodes: Sequence[str]) -> Judgement:
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
