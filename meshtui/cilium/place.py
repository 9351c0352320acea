"""Where Cilium lives in a cluster: its namespace is found, not configured."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from meshtui.core.errors import ClusterError, Forbidden, NotFound
from meshtui.core.model.objects import ConfigMap
from meshtui.core.model.resources import CONFIGMAPS, DAEMONSETS, PODS, Resource
from meshtui.core.text import clean
from meshtui.kube.api import Api

USUAL = "kube-system"
"""Where Helm and the cilium CLI put it when nobody says otherwise."""
OTHERS = ("cilium", "cilium-system")
"""Where else it is found; tried by name only by who may not list all namespaces."""
CONFIG = "cilium-config"
LABEL = ("k8s-app", "cilium")
"""On the agents' DaemonSet and its pods (cilium install/kubernetes/cilium/templates/cilium-agent/daemonset.yaml)."""
_REFUSED_SECONDS = 20.0
FRESH_SECONDS = 2.0
"""For so long what was read to find Cilium need not be read again to know it."""


class _Place:
    """What is known for one API server."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.namespace = ""
        self.hints: tuple[str, ...] = ()
        self.refused: Forbidden | None = None
        self.refused_at = 0.0
        self.config: ConfigMap | None = None
        """As it was found, for who reads it at once."""
        self.found_at = 0.0


_places: WeakKeyDictionary[Api, _Place] = WeakKeyDictionary()


async def namespace_of(api: Api, hints: Iterable[str] = ()) -> str:
    """Cilium's namespace, asked for once. `hints`: namespaces to look into where not all may be listed.

    Raises NotFound when the cluster has no Cilium, Forbidden when it cannot be told, and the API's errors.
    """
    place = _places.setdefault(api, _Place())
    async with place.lock:
        place.hints = tuple(dict.fromkeys([*place.hints, *hints]))
        if place.namespace:
            return place.namespace
        now = asyncio.get_running_loop().time()
        if place.refused is not None and now - place.refused_at < _REFUSED_SECONDS:
            raise place.refused
        try:
            place.namespace, place.config = await _find(api, place.hints)
            place.found_at = now
        except Forbidden as error:
            place.refused, place.refused_at = error, now
            raise
        return place.namespace


async def config_of(api: Api) -> ConfigMap:
    """The ConfigMap cilium-config as it is now. Raises NotFound where there is no Cilium, and the API's errors."""
    namespace = await namespace_of(api)
    place = _places[api]
    found, place.config = place.config, None
    fresh = asyncio.get_running_loop().time() - place.found_at < FRESH_SECONDS
    try:
        return found if found is not None and fresh else await api.get(CONFIGMAPS, CONFIG, namespace)
    except NotFound:
        # Uninstalled, or moved: whoever asks next looks for it anew.
        forget(api)
        raise nowhere(api) from None


def forget(api: Api) -> None:
    """It is not there any more: look again."""
    _places.pop(api, None)


async def _find(api: Api, hints: Iterable[str]) -> tuple[str, ConfigMap | None]:
    refusal: Forbidden | None = None
    try:
        return USUAL, await api.get(CONFIGMAPS, CONFIG, USUAL)
    except NotFound:
        pass
    except Forbidden as error:
        refusal = error
    for resource in (DAEMONSETS, PODS):
        try:
            return await _labelled(api, resource), None
        except Forbidden as error:
            refusal = refusal or error
    for namespace in dict.fromkeys([*OTHERS, *hints]):
        with contextlib.suppress(NotFound, Forbidden):
            return namespace, await api.get(CONFIGMAPS, CONFIG, namespace)
    assert refusal is not None
    raise Forbidden(
        clean(f"{api.context}: Cilium is not to be seen for you"),
        context=api.context,
        verb=refusal.verb,
        resource=refusal.resource,
        status=refusal.status,
        cause=refusal.cause,
        hint=clean(f"ask for the right to read where Cilium lives: {refusal.hint}"),
    )


async def _labelled(api: Api, resource: Resource) -> str:
    """The namespace of the agents. Raises NotFound when there are none, and the API's errors."""
    try:
        found, _ = await api.list_all(resource, label_selector="=".join(LABEL))
    except NotFound:
        raise nowhere(api) from None
    names = sorted(item.namespace for item in found.values() if item.labels.get(LABEL[0]) == LABEL[1])
    if names:
        return str(names[0])
    raise nowhere(api)


def nowhere(api: Api) -> ClusterError:
    """There is no Cilium in any namespace."""
    return NotFound(
        clean(f"{api.context} has no Cilium"),
        context=api.context,
        resource="configmaps",
        status=404,
        cause=f"there is no ConfigMap {USUAL}/{CONFIG}, and no namespace has its agents",
        hint=clean(f"install it: cilium install --context {api.context}"),
    )
