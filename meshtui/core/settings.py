"""Every setting of meshtui, where it may come from, and which place wins: flag, environment, file, default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import field

from meshtui.core.errors import ConfigError
from meshtui.core.settingtables import colour, theme_tables, with_meshes, words
from meshtui.core.spelling import nearest
from meshtui.core.untold import Untold

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_MESHES: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_NO_TABLES: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


class Settings(Untold, frozen=True, kw_only=True):
    """What a person decided, resolved. `origins` says for each field where its value came from."""

    kubeconfig: Path | None = None
    """The kubeconfig to read; None leaves it to KUBECONFIG (a path list), ~/.kube/config and the pod's own."""
    contexts: tuple[str, ...] = ()
    """Contexts to show, in this order, names or glob patterns; empty means all of the kubeconfig."""
    mesh: str = ""
    """Name of the mesh to show, one of `meshes`; empty means none in particular."""
    meshes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_MESHES)
    """Mesh → its contexts, glob patterns among them: the file's tables `[mesh.NAME]` with `contexts = [...]`."""
    namespaces: tuple[str, ...] = ()
    """Namespaces to show; empty means the one of each context, or all."""
    all_namespaces: bool = False
    """Show every namespace, whatever `namespaces` says."""
    request_timeout: float = 10.0
    """Seconds an API server, an agent or a Relay may take for one answer."""
    read_only: bool = False
    """Change nothing in any cluster."""
    read_only_contexts: tuple[str, ...] = ()
    """Contexts in which nothing is changed."""
    protected: tuple[str, ...] = ()
    """Contexts whose name must be typed before a change (glob patterns)."""
    trusted: tuple[str, ...] = ()
    """Contexts in which changes need no dialog (glob patterns); local labs are trusted anyway."""
    relays: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Context → host:port of its Hubble Relay; absent means a port-forward."""
    relay_ca: tuple[str, ...] = ()
    """Files (PEM) with the authority of a Relay's certificate: `PATH` for all, `CONTEXT=PATH` for one; so the next."""
    relay_cert: tuple[str, ...] = ()
    """Files with the client certificate a Relay wants."""
    relay_key: tuple[str, ...] = ()
    """Files with that certificate's key."""
    relay_server_name: tuple[str, ...] = ()
    """The name a Relay's certificate carries."""
    as_user: str = ""
    """User to impersonate."""
    as_groups: tuple[str, ...] = ()
    """Groups to impersonate."""
    as_uid: str = ""
    """UID to impersonate."""
    as_user_extra: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_MESHES)
    """Further attributes to impersonate."""
    insecure_skip_tls_verify: bool = False
    """Accept whatever certificate an API server shows."""
    tls_server_name: str = ""
    """The name an API server's certificate must carry, instead of its URL's host."""
    flow_capacity: int = 100_000
    """Flows kept in memory."""
    flow_source: str = "auto"
    """Where flows come from: `relay`, `agents`, or `auto`: agents where there is no Relay."""
    theme: str = ""
    """Name of the dashboard's theme; empty means the default."""
    themes: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _NO_TABLES)
    """Themes of one's own by name: tables `[themes.NAME]` with a `base` and colours by role."""
    cluster_colors: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Context → colour of its cluster, `#rrggbb` or the name of a terminal's colour."""
    color: bool = True
    """False prints and paints without colour (NO_COLOR)."""
    utc: bool = False
    """Show times in UTC instead of local time."""
    ascii: bool = False
    """Draw the screen with ASCII characters alone; by default where the locale's encoding is not UTF-8."""
    mouse: bool = True
    """Whether the dashboard takes the mouse; else the terminal's own selection works as ever."""
    clipboard: str = "auto"
    """How text is copied: `osc52` through the terminal, `native` by the desktop's tool, `auto` by both, or `off`."""
    keymap: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Command id → keys, comma separated."""
    filters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Saved filters by name: `@name` in the filter of the services or of the flows stands for one."""
    load_count: int = 10
    """Requests of a load test."""
    load_concurrency: int = 1
    """Requests of a load test at once."""
    load_max_time: float = 2.0
    """Seconds that a request of a load test may take."""
    load_client: str = "x-wing"
    """Workload from which a load test's requests are sent."""
    cluster_field: str = "Cluster"
    """JSON field of an answer's body that names the cluster which answered a load test."""
    cluster_header: str = ""
    """Response header that names the cluster which answered; empty means none."""
    state_directory: Path | None = None
    """Where runs and the audit log are kept; None keeps nothing."""
    origins: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Field → `flag`, `env NAME`, `file` or `default`."""


NAMES: tuple[str, ...] = tuple(name for name in Settings.__struct_fields__ if name != "origins")
"""Every setting's name: the key in the config file; MESHTUI_ and upper case in the environment."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def resolve(
    flags: Mapping[str, Any], env: Mapping[str, str], file: Mapping[str, Any], *, origin: str = "file"
) -> Settings:
    """Settle each field from `flags` (None counts as not given), `env`, `file` (parsed TOML), then its default.

    `origin` is how the file is called in `origins` and in errors. Raises ConfigError for a key the file should
    not have, naming the nearest that exists, and for a value of the wrong kind.
    """
    chosen = flags.get("mesh") or env.get("MESHTUI_MESH") or ""
    file, places = with_meshes(file, origin, chosen)
    _check_keys(file, origin)
    if "themes" in file:
        file = {**file, "themes": theme_tables(file["themes"], origin)}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name in NAMES:
        found = _find(name, flags, env, file, origin)
        if found is None:
            origins[name] = "default"
            continue
        raw, place = found
        origins[name] = places.get(name, place) if place == origin else place
        if raw is not None:
            values[name] = _convert(name, raw, place)
    return Settings(**values, origins=MappingProxyType(origins))


def _find(
    name: str, flags: Mapping[str, Any], env: Mapping[str, str], file: Mapping[str, Any], origin: str
) -> tuple[Any, str] | None:
    """The winning raw value and its place; the value None means: decided, to be the default."""
    if flags.get(name) is not None:
        return flags[name], "flag"
    variable = f"MESHTUI_{name.upper()}"
    if env.get(variable, "") != "":
        return env[variable], f"env {variable}"
    if name == "kubeconfig" and env.get("KUBECONFIG"):
        return None, "env KUBECONFIG"
    if name == "color" and env.get("NO_COLOR"):
        return False, "env NO_COLOR"
    if name in file:
        return file[name], origin
    if name == "ascii":
        return _locale_says(env)
    return None


def _locale_says(env: Mapping[str, str]) -> tuple[bool, str] | None:
    """Whether the locale in force (POSIX: LC_ALL, LC_CTYPE, LANG) names an encoding other than UTF-8."""
    for variable in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := env.get(variable):
            return (True, f"env {variable}") if "utf" not in value.lower() else None
    return None


def _check_keys(file: Mapping[str, Any], origin: str) -> None:
    for key in file:
        if key not in NAMES:
            near = nearest(key, NAMES, 0.4)
            hint = f"did you mean {near!r}?" if near else f"known settings: {', '.join(NAMES)}"
            raise ConfigError(f"unknown setting {key!r} in {origin}", hint=hint)


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("true or false")


def _pairs(raw: Any) -> Mapping[str, str]:
    """A table, a list of `A=B`, or in the environment `A=B;C=D` (values may hold commas)."""
    if isinstance(raw, str):
        raw = [word.strip() for word in raw.split(";") if word.strip()]
    if isinstance(raw, list | tuple):
        if not all(isinstance(word, str) and "=" in word for word in raw):
            raise ValueError("NAME=VALUE")
        raw = dict(word.split("=", 1) for word in raw)
    if isinstance(raw, Mapping) and all(isinstance(v, str) and k and v for k, v in raw.items()):
        return MappingProxyType(dict(raw))
    raise ValueError("a table of words")


def _many(raw: Any) -> Mapping[str, tuple[str, ...]]:
    """A table of lists, or `A=B` repeated."""
    if isinstance(raw, str):
        raw = [word.strip() for word in raw.split(";") if word.strip()]
    if isinstance(raw, list | tuple):
        found: dict[str, list[str]] = {}
        for word in raw:
            name, equals, value = str(word).partition("=")
            if not name or not equals:
                raise ValueError("NAME=VALUE")
            found.setdefault(name, []).append(value)
        raw = found
    if isinstance(raw, Mapping):
        return MappingProxyType({str(name): words(values) for name, values in raw.items()})
    raise ValueError("a table of lists")


def _text(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    raise ValueError("a word")


def _path(raw: Any) -> Path:
    if isinstance(raw, Path):
        return raw
    if isinstance(raw, str) and raw:
        return Path(raw)
    raise ValueError("a path")


def seconds(raw: Any) -> float:
    """Seconds as a number, or as kubectl writes them: `10s`, `500ms`, `2m`."""
    if isinstance(raw, str):
        for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0)):
            if raw.endswith(unit):
                return _positive(float(raw.removesuffix(unit)) * factor)
    if isinstance(raw, bool):
        raise ValueError("seconds")
    return _positive(float(raw))


def _positive(value: float) -> float:
    if not 0 < value < float("inf"):
        raise ValueError("more than zero")
    return value


def _count(raw: Any) -> int:
    if isinstance(raw, bool) or (isinstance(raw, float) and not raw.is_integer()):
        raise ValueError("a whole number")
    return int(_positive(int(raw)))


def _relays(raw: Any) -> Mapping[str, str]:
    pairs = _pairs(raw)
    for address in pairs.values():
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("CONTEXT=HOST:PORT")
    return pairs


def _colors(raw: Any) -> Mapping[str, str]:
    return MappingProxyType({name: colour(value) for name, value in _pairs(raw).items()})


def _themes(raw: Any) -> Mapping[str, Mapping[str, Any]]:
    if isinstance(raw, Mapping):
        return MappingProxyType(dict(raw))
    raise ValueError("tables of the config file")


def _clipboard(raw: Any) -> str:
    if raw in ("auto", "native", "osc52", "off"):
        return str(raw)
    raise ValueError("auto, native, osc52 or off")


def _flow_source(raw: Any) -> str:
    if raw in ("auto", "relay", "agents"):
        return str(raw)
    raise ValueError("auto, relay or agents")


KINDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "kubeconfig": (_path, "a path"),
    "contexts": (words, "a list of context names"),
    "namespaces": (words, "a list of namespaces"),
    "all_namespaces": (_boolean, "true or false"),
    "request_timeout": (seconds, "seconds above zero, such as 10 or 500ms"),
    "read_only": (_boolean, "true or false"),
    "read_only_contexts": (words, "a list of context names"),
    "protected": (words, "a list of context names"),
    "trusted": (words, "a list of context names"),
    "relays": (_relays, "CONTEXT=HOST:PORT"),
    "mesh": (_text, "a mesh's name"),
    "meshes": (_many, "a table of lists of context names"),
    "relay_ca": (words, "PATH or CONTEXT=PATH"),
    "relay_cert": (words, "PATH or CONTEXT=PATH"),
    "relay_key": (words, "PATH or CONTEXT=PATH"),
    "relay_server_name": (words, "NAME or CONTEXT=NAME"),
    "as_user": (_text, "a user's name"),
    "as_groups": (words, "a list of groups"),
    "as_uid": (_text, "a UID"),
    "as_user_extra": (_many, "KEY=VALUE"),
    "insecure_skip_tls_verify": (_boolean, "true or false"),
    "tls_server_name": (_text, "a name"),
    "flow_capacity": (_count, "a whole number above zero"),
    "flow_source": (_flow_source, "auto, relay or agents"),
    "theme": (_text, "a theme's name"),
    "themes": (_themes, "tables of the config file"),
    "cluster_colors": (_colors, "a table of context to colour"),
    "load_count": (_count, "a whole number above zero"),
    "load_concurrency": (_count, "a whole number above zero"),
    "load_max_time": (seconds, "seconds above zero"),
    "load_client": (_text, "a workload's name"),
    "color": (_boolean, "true or false"),
    "utc": (_boolean, "true or false"),
    "ascii": (_boolean, "true or false"),
    "mouse": (_boolean, "true or false"),
    "clipboard": (_clipboard, "auto, native, osc52 or off"),
    "keymap": (_pairs, "a table of command id to keys"),
    "filters": (_pairs, "a table of name to filter"),
    "cluster_field": (_text, "a field's name"),
    "cluster_header": (_text, "a header's name"),
    "state_directory": (_path, "a path"),
}


def _convert(name: str, raw: Any, place: str) -> Any:
    convert, expected = KINDS[name]
    try:
        return convert(raw)
    except (ValueError, TypeError, OverflowError) as error:
        label = f"--{name.replace('_', '-')}" if place == "flag" else f"{name} ({place})"
        raise ConfigError(
            f"{label} cannot be {raw!r}", cause=f"expected {expected}", hint="see `meshtui info`"
        ) from error
