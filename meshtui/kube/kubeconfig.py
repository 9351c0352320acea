"""Reads kubeconfig files as kubectl does: which files count, how they merge, what a context is made of."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from msgspec import Struct, field

from meshtui.core.errors import ConfigError
from meshtui.core.spelling import nearest
from meshtui.core.text import clean
from meshtui.core.untold import Untold

IN_CLUSTER = "in-cluster"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Section(Untold, frozen=True):
    """One named cluster, user or context, and the directory its relative paths start from."""

    value: Mapping[str, Any]
    base: Path = Path()

    def text(self, key: str) -> str:
        """A string field, empty when absent."""
        value = self.value.get(key)
        return "" if value is None else str(value)

    def flag(self, key: str) -> bool:
        """A boolean field, False when absent."""
        return self.value.get(key) is True

    def path(self, key: str) -> Path | None:
        """A path field, resolved against the kubeconfig's directory; None when absent."""
        text = self.text(key)
        return self.base / text if text else None


class Kubeconfig(Struct):
    """All kubeconfig files merged: the first to name a cluster, user or context wins, as in kubectl."""

    paths: tuple[Path, ...] = ()
    clusters: dict[str, Section] = field(default_factory=dict)
    users: dict[str, Section] = field(default_factory=dict)
    contexts: dict[str, Section] = field(default_factory=dict)
    current: str | None = None

    @property
    def origin(self) -> str:
        """The files read, for a sentence."""
        return clean(os.pathsep.join(str(path) for path in self.paths) or IN_CLUSTER)


class Overrides(Untold, frozen=True):
    """What flags say in a kubeconfig's stead, for every context, as kubectl's do."""

    as_user: str = ""
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    as_extra: Mapping[str, Sequence[str]] = field(default_factory=dict)
    insecure: bool = False
    """Accept whatever certificate the server shows."""
    server_name: str = ""
    """The name the server's certificate must carry."""

    def cluster(self, section: Section) -> Section:
        """A cluster with what was said."""
        said: dict[str, Any] = {"insecure-skip-tls-verify": True} if self.insecure else {}
        said |= {"tls-server-name": self.server_name} if self.server_name else {}
        return Section({**section.value, **said}, section.base)

    def user(self, section: Section) -> Section:
        """A user with what was said: an impersonation is replaced whole, never mixed."""
        if not (self.as_user or self.as_uid or self.as_groups or self.as_extra):
            return section
        kept = {key: value for key, value in section.value.items() if key not in _IMPERSONATION}
        extra = {key: list(values) for key, values in self.as_extra.items()}
        said = {"as": self.as_user, "as-uid": self.as_uid, "as-groups": list(self.as_groups), "as-user-extra": extra}
        return Section({**kept, **said}, section.base)


_IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")


class Target(Struct, frozen=True):
    """What one context points at."""

    context: str
    cluster: Section
    user: Section
    namespace: str = ""

    @property
    def server(self) -> str:
        """The API server's URL, as `server_of`."""
        return server_of(self.cluster)

    @property
    def userinfo(self) -> tuple[str, str] | None:
        """User and password written into the server's URL."""
        try:
            parts = urlsplit(self.cluster.text("server").strip())
        except ValueError:
            return None
        return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None


def server_of(cluster: Section) -> str:
    """A cluster's URL as kubectl takes it: lower-case scheme, no trailing slash, no userinfo; HOST:PORT alone is HTTPS
    where the cluster says anything of TLS.
    """
    said = cluster.text("server").strip()
    if said and "://" not in said:
        secure = any(cluster.value.get(key) for key in _TLS)
        said = f"{'https' if secure else 'http'}://{said}"
    scheme, separator, rest = said.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{place.rpartition('@')[2]}{slash}{path}".rstrip("/")


_TLS = ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify", "tls-server-name")


def load(kubeconfig: Path | None, env: Mapping[str, str]) -> Kubeconfig:
    """Read `kubeconfig` alone if given, else $KUBECONFIG's list, else ~/.kube/config, else the pod's account.

    Raises ConfigError when nothing is found, or a file is unreadable, not YAML or not a kubeconfig.
    """
    paths = _paths(kubeconfig, env)
    merged = Kubeconfig(paths=tuple(path for path in paths if _present(path)))
    if not merged.paths:
        return _without_file(kubeconfig, env, paths)
    for path in merged.paths:
        _merge(merged, _read(path), path.absolute().parent)
    if not merged.contexts:
        raise ConfigError(
            f"the kubeconfig {merged.origin} holds no context",
            cause="it is empty" if not merged.clusters else "it names clusters, but no context",
            hint="point --kubeconfig at a file with contexts, or run `meshtui demo`, which needs none",
        )
    return merged


def target(config: Kubeconfig, context: str, overrides: Overrides | None = None) -> Target:
    """The cluster and user behind `context`, with what flags say; raises ConfigError when a part is missing."""
    section = config.contexts.get(context)
    if section is None:
        raise _unknown_context(config, context)
    cluster = _part(config, context, "cluster", section.text("cluster"), config.clusters)
    user = Section({})
    if section.text("user"):
        user = _part(config, context, "user", section.text("user"), config.users)
    if not cluster.text("server"):
        raise ConfigError(
            f"context {clean(context)} has no server",
            cause=f"cluster {clean(section.text('cluster'))} in {config.origin} lacks `server`",
            hint="kubectl config set-cluster NAME --server=https://HOST:PORT",
        )
    said = overrides or Overrides()
    return Target(context, said.cluster(cluster), said.user(user), section.text("namespace"))


def _paths(kubeconfig: Path | None, env: Mapping[str, str]) -> tuple[Path, ...]:
    if kubeconfig is not None:
        return (kubeconfig.expanduser(),)
    listed = env.get("KUBECONFIG", "")
    if listed:
        return tuple(Path(part).expanduser() for part in listed.split(os.pathsep) if part)
    home = env.get("HOME")
    return ((Path(home) if home else Path.home()) / ".kube" / "config",)


def _present(path: Path) -> bool:
    """Whether there is something to read, or to fail at reading: a directory or a lack of rights is worth saying."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _without_file(kubeconfig: Path | None, env: Mapping[str, str], paths: tuple[Path, ...]) -> Kubeconfig:
    host = env.get("KUBERNETES_SERVICE_HOST", "")
    token = SERVICE_ACCOUNT / "token"
    if kubeconfig is None and host and token.is_file():
        return _in_cluster(host, env.get("KUBERNETES_SERVICE_PORT", "443"))
    tried = clean(os.pathsep.join(str(path) for path in paths))
    asked = kubeconfig is not None or env.get("KUBECONFIG")
    raise ConfigError(
        f"no kubeconfig: {tried} does not exist" if asked else "no kubeconfig found",
        cause="" if asked else f"neither --kubeconfig nor KUBECONFIG is set, and {tried} does not exist",
        hint="pass --kubeconfig PATH, or run `meshtui demo`, which needs no cluster",
    )


def _in_cluster(host: str, port: str) -> Kubeconfig:
    bracketed = f"[{host}]" if ":" in host else host
    namespace = SERVICE_ACCOUNT / "namespace"
    context = {"cluster": IN_CLUSTER, "user": IN_CLUSTER}
    if namespace.is_file():
        context["namespace"] = namespace.read_text().strip()
    cluster = {"server": f"https://{bracketed}:{port}", "certificate-authority": "ca.crt"}
    return Kubeconfig(
        clusters={IN_CLUSTER: Section(cluster, SERVICE_ACCOUNT)},
        users={IN_CLUSTER: Section({"tokenFile": "token"}, SERVICE_ACCOUNT)},
        contexts={IN_CLUSTER: Section(context, SERVICE_ACCOUNT)},
        current=IN_CLUSTER,
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - CSafeLoader is the safe one
    except OSError as error:
        raise ConfigError(
            f"cannot read the kubeconfig {clean(str(path))}",
            cause=error.strerror or type(error).__name__,
            hint="check the file's owner and mode",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        # Not the error's own text: it quotes the offending line, which may hold a token.
        where = f"line {mark.line + 1}" if mark is not None else "its bytes are not text"
        raise ConfigError(
            f"the kubeconfig {clean(str(path))} is not YAML",
            cause=where,
            hint=f"kubectl config view --kubeconfig {clean(str(path))}",
        ) from None
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ConfigError(
            f"{clean(str(path))} is not a kubeconfig",
            cause=f"it holds a {type(document).__name__}, not clusters, users and contexts",
            hint="pass another file with --kubeconfig",
        )
    return document


def _merge(merged: Kubeconfig, document: Mapping[str, Any], base: Path) -> None:
    kinds = (("clusters", merged.clusters), ("users", merged.users), ("contexts", merged.contexts))
    for plural, into in kinds:
        entries = document.get(plural)
        for entry in entries if isinstance(entries, list) else ():
            if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
                continue
            value = entry.get(plural[:-1])
            into.setdefault(entry["name"], Section(value if isinstance(value, Mapping) else {}, base))
    if merged.current is None and document.get("current-context"):
        merged.current = str(document["current-context"])


def _unknown_context(config: Kubeconfig, context: str) -> ConfigError:
    known = list(config.contexts)
    near = nearest(context, known)
    names = ", ".join(clean(name, 80) for name in known[:12]) + (", …" if len(known) > 12 else "")
    return ConfigError(
        f"there is no context {clean(context)}",
        cause=f"{config.origin} knows {names}",
        hint=f"did you mean --context {clean(near)}?" if near else "pass one of them with --context",
    )


def _part(config: Kubeconfig, context: str, kind: str, name: str, known: Mapping[str, Section]) -> Section:
    section = known.get(name)
    if section is None:
        raise ConfigError(
            f"context {clean(context)} names a {kind} that is not there",
            cause=f"{config.origin} has no {kind} {clean(name) or '(empty)'}",
            hint=f"kubectl config set-context {clean(context)} --{kind}=NAME",
        )
    return section
