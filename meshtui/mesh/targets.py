"""Which clusters a session looks at: contexts chosen from the kubeconfig by the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct, field
from msgspec.structs import replace

from meshtui.core import spelling
from meshtui.core.errors import ConfigError, MeshtuiError, TooManyContexts, Unreachable, UsageError
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.model.tags import tags
from meshtui.core.settings import Settings
from meshtui.core.text import clean
from meshtui.kube.contexts import ContextInfo, list_contexts
from meshtui.kube.kubeconfig import Overrides

BY_CONTEXT = "context"
"""Origin of namespaces that nobody named: they are the contexts' own."""
DEFAULT_NAMESPACE = "default"
"""A context's own namespace when it names none, as for kubectl."""
MOST = 16
"""Contexts shown unasked; with more a person must choose."""


class Target(Struct, frozen=True):
    """One cluster of a session, and the environment its kubeconfig is read in."""

    info: ContextInfo
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> str:
        """The context's name: the cluster's identity in the session."""
        return self.info.name


class Choice(Struct, frozen=True):
    """One context a person may choose, for a picker."""

    context: str
    cluster: str
    server: str
    namespace: str
    user: str
    current: bool
    meshes: tuple[str, ...]
    """Meshes of the settings that it is part of."""


def choices(settings: Settings, env: Mapping[str, str]) -> list[Choice]:
    """All contexts of the kubeconfig in its order. Raises ConfigError."""
    infos, current = list_contexts(settings.kubeconfig, env)
    return [
        Choice(
            info.name,
            info.cluster,
            info.server,
            info.namespace,
            info.user,
            info.name == current,
            tuple(name for name, wanted in settings.meshes.items() if any(_is(info.name, each) for each in wanted)),
        )
        for info in infos
    ]


def choose(settings: Settings, env: Mapping[str, str]) -> list[Target]:
    """The contexts the settings name, in their order, else all of the kubeconfig (one per API server and user).

    Raises ConfigError for an empty kubeconfig, for a name or pattern it does not have, and for too many to show
    unasked.
    """
    infos, current = list_contexts(settings.kubeconfig, env)
    if not infos:
        raise ConfigError(
            "the kubeconfig has no contexts",
            hint="give --kubeconfig PATH, or try `meshtui demo`, which needs no cluster",
        )
    wanted = settings.contexts or _of_mesh(settings)
    chosen = _named(infos, wanted) if wanted else _all(infos, current, settings)
    return [Target(info, env) for info in chosen]


def _of_mesh(settings: Settings) -> Sequence[str]:
    """The contexts of the mesh that was asked for; none when none was. Raises ConfigError for an unknown one."""
    if not settings.mesh:
        return ()
    if settings.mesh not in settings.meshes:
        known = ", ".join(settings.meshes)
        hint = f"meshes there: {known}" if known else f'write [mesh.{settings.mesh}] with contexts = ["a", "prod-*"]'
        raise ConfigError(f"the settings name no mesh {settings.mesh!r}", hint=hint)
    return settings.meshes[settings.mesh]


def _is(name: str, wanted: str) -> bool:
    """A name is itself first; only then a pattern."""
    return name == wanted or fnmatchcase(name, wanted)


def _named(infos: Sequence[ContextInfo], names: Sequence[str]) -> list[ContextInfo]:
    by_name = {info.name: info for info in infos}
    found: dict[str, ContextInfo] = {}
    for wanted in names:
        matching = [by_name[wanted]] if wanted in by_name else [i for i in infos if fnmatchcase(i.name, wanted)]
        if not matching:
            raise _nothing_named(wanted, sorted(by_name))
        found.update((info.name, info) for info in matching)
    return list(found.values())


def _nothing_named(wanted: str, known: Sequence[str]) -> ConfigError:
    near = spelling.near(wanted, known)
    shown = ", ".join(clean(name, 80) for name in (near or known[:12])) + ("" if near or len(known) <= 12 else ", …")
    what = "matches" if any(char in wanted for char in "*?[") else "is called"
    hint = f"did you mean {shown}?" if near else f"it has: {shown}"
    return ConfigError(f"no context {what} {wanted!r} in the kubeconfig", hint=hint)


def overrides_of(settings: Settings) -> Overrides:
    """What flags say in the kubeconfig's stead."""
    return Overrides(
        settings.as_user,
        settings.as_uid,
        settings.as_groups,
        settings.as_user_extra,
        settings.insecure_skip_tls_verify,
        settings.tls_server_name,
    )


def scoped(settings: Settings, targets: Sequence[Target]) -> Settings:
    """The settings with the namespaces to show where nobody named any: the contexts' own, all when none has one."""
    own = [target.info.namespace for target in targets]
    if settings.namespaces or settings.all_namespaces or not any(own):
        return settings
    names = tuple(dict.fromkeys(name or DEFAULT_NAMESPACE for name in own))
    return replace(settings, namespaces=names, origins={**settings.origins, "namespaces": BY_CONTEXT})


def home(settings: Settings, targets: Sequence[Target]) -> str:
    """The namespace of a name that comes without one: the one that was named, else the contexts' own.

    Raises UsageError where that is not one.
    """
    named = settings.namespaces if settings.origins.get("namespaces") != BY_CONTEXT else ()
    found = named[:1] or tuple(dict.fromkeys(target.info.namespace or DEFAULT_NAMESPACE for target in targets))
    if len(found) > 1:
        told = ", ".join(f"{clean(t.context)}: {clean(t.info.namespace or DEFAULT_NAMESPACE)}" for t in targets[:8])
        raise UsageError("the contexts have different namespaces", cause=told, hint="write NAMESPACE/NAME, or give -n")
    return found[0] if found else DEFAULT_NAMESPACE


def own_namespaces(settings: Settings, targets: Sequence[Target]) -> dict[str, str]:
    """Context → the namespace of what comes without one."""
    named = settings.namespaces[:1] if settings.origins.get("namespaces") != BY_CONTEXT else ()
    return {t.context: (*named, t.info.namespace, DEFAULT_NAMESPACE)[0] or DEFAULT_NAMESPACE for t in targets}


def why_no_api(mesh: Mesh, context: str) -> MeshtuiError:
    """The error for a context without a connection: an unknown one, or why it is not reached now."""
    cluster = mesh.clusters.get(context)
    if cluster is None:
        known = ", ".join(mesh.clusters)
        return UsageError(f"no context {context!r} in this session", hint=f"contexts here: {known}")
    return cluster.api.error or Unreachable(
        f"{context} is not connected", context=context, hint="wait until it is, then repeat"
    )


def _all(infos: Sequence[ContextInfo], current: str | None, settings: Settings) -> list[ContextInfo]:
    """One context per API server, the current one preferred over its aliases, in the order of the files."""
    first: dict[str, ContextInfo] = {}
    for info in infos:
        server = info.server or info.name
        if server not in first or info.name == current:
            first[server] = info
    if len(first) > MOST:
        raise TooManyContexts(
            f"the kubeconfig has {len(first)} clusters, too many to show at once",
            cause=f"unasked, at most {MOST} are",
            hint=_how_to_choose(first.values(), settings),
        )
    return list(first.values())


def _how_to_choose(infos: Iterable[ContextInfo], settings: Settings) -> str:
    if settings.meshes:
        return f"--mesh NAME: {', '.join(map(clean, settings.meshes))}; or --context NAME or 'PATTERN*', repeatable"
    names = ", ".join(clean(info.name, 60) for info in list(infos)[:6])
    return f"--context NAME or 'PATTERN*', repeatable ({names}, …); or name them in the settings: [mesh.NAME]"


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
