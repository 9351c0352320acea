"""Which clusters a session looks at: contexts chosen from the kubeconfig by the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from meshtui.core.errors import ConfigError
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.model.tags import tags
from meshtui.core.settings import Settings
from meshtui.kube.contexts import ContextInfo, list_contexts

MOST = 16
"""Contexts shown unasked; with more a person must choose."""


@dataclass(frozen=True, slots=True)
class Target:
    """One cluster of a session, and the environment its kubeconfig is read in."""

    info: ContextInfo
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> str:
        """The context's name: the cluster's identity in the session."""
        return self.info.name


def choose(settings: Settings, env: Mapping[str, str]) -> list[Target]:
    """The contexts the settings name, in their order, else all of the kubeconfig (one per API server and user).

    Raises ConfigError for an empty kubeconfig, for a name it does not have, and for too many to show unasked.
    """
    infos, current = list_contexts(settings.kubeconfig, env)
    if not infos:
        raise ConfigError(
            "the kubeconfig has no contexts",
            hint="give --kubeconfig PATH, or try `meshtui demo`, which needs no cluster",
        )
    chosen = _named(infos, settings.contexts) if settings.contexts else _all(infos, current)
    return [Target(info, env) for info in chosen]


def _named(infos: Sequence[ContextInfo], names: Sequence[str]) -> list[ContextInfo]:
    by_name = {info.name: info for info in infos}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise ConfigError(f"no context {missing[0]!r} in the kubeconfig", hint=f"it has: {', '.join(sorted(by_name))}")
    return [by_name[name] for name in dict.fromkeys(names)]


def _all(infos: Sequence[ContextInfo], current: str | None) -> list[ContextInfo]:
    """One context per API server, the current one preferred over its twins, in the order of the files."""
    first: dict[str, ContextInfo] = {}
    for info in infos:
        server = info.server or info.name
        if server not in first or info.name == current:
            first[server] = info
    if len(first) > MOST:
        raise ConfigError(
            f"the kubeconfig has {len(first)} clusters, too many to show at once",
            hint=f"choose up to {MOST} with --context NAME, repeated",
        )
    return list(first.values())


def new_mesh(targets: Sequence[Target], settings: Settings) -> Mesh:
    """The mesh before anything is known but the contexts and what a person decided about them."""
    mesh = Mesh()
    names = tags([target.context for target in targets])
    for index, (target, tag) in enumerate(zip(targets, names, strict=True)):
        context = target.context
        protected = _matches(context, settings.protected)
        mesh.clusters[context] = Cluster(
            context=context,
            tag=tag,
            index=index,
            server=target.info.server,
            trusted=not protected and (target.info.local or _matches(context, settings.trusted)),
            protected=protected,
            read_only=settings.read_only or _matches(context, settings.read_only_contexts),
        )
    return mesh


def _matches(context: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(context, pattern) for pattern in patterns)
