"""The config file's tables: `[mesh.NAME]`, what holds for the contexts of a mesh; `[themes.NAME]`, colours by role."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from meshtui.core.errors import ConfigError
from meshtui.core.spelling import nearest

Table = Mapping[str, Any]
LOAD_KEYS = ("count", "concurrency", "max_time", "client")
"""What `load` of a mesh may say: the settings `load_count` and so on, for that mesh."""
ANSI = ("red", "green", "yellow", "blue", "magenta", "cyan", "white")
ROLES = ("ok", "warn", "bad", "dim", "strong", "key", "info", "pending", "brand", "struck")
"""What a theme may colour on the lines."""
GROUNDS = ("foreground", "background", "panel", "border", "muted", "cursor")
"""What a theme may colour around them."""
BASES = ("dark", "light", "safe-dark", "safe-light")
_CLUSTERS = 8


def colour(raw: Any) -> str:
    """`#rrggbb`, or the name of one of the terminal's colours. Raises ValueError."""
    if isinstance(raw, str) and (re.fullmatch("#[0-9a-fA-F]{6}", raw) or raw.removeprefix("bright_") in ANSI):
        return raw
    raise ValueError("a colour: #rrggbb, or red, bright_cyan and so on")


def words(raw: Any) -> tuple[str, ...]:
    """A list of words, or one text with commas. Raises ValueError."""
    if isinstance(raw, str):
        return tuple(word.strip() for word in raw.split(",") if word.strip())
    if isinstance(raw, list | tuple) and all(isinstance(word, str) for word in raw):
        return tuple(raw)
    raise ValueError("a list of words")


def _texts(raw: Any, kind: Callable[[Any], str]) -> dict[str, str]:
    if not isinstance(raw, Mapping):
        raise ValueError("a table")
    return {str(name): kind(value) for name, value in raw.items()}


def _boolean(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("true or false")
    return raw


def _relay(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError('a table: relays = { a = "host:4245" }')
    return raw


def _load(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise ValueError("a table: load = { count = 20 }")
    return dict(raw)


_MESH: Mapping[str, Callable[[Any], Any]] = {
    "contexts": words,
    "protected": _boolean,
    "read_only": _boolean,
    "relays": lambda raw: _texts(raw, _relay),
    "colors": lambda raw: _texts(raw, colour),
    "load": _load,
}
MESH_KEYS = tuple(_MESH)
"""What a table `[mesh.NAME]` may say."""


def with_meshes(file: Table, origin: str, chosen: str = "") -> tuple[Table, dict[str, str]]:
    """The tables `[mesh.NAME]` as settings, and for those that come from a table the place to name. Raises ConfigError.

    What a mesh says of its contexts holds however they are opened; its load test's defaults where it is `chosen`.
    """
    tables = file.get("mesh")
    if not isinstance(tables, Mapping):
        return file, {}
    found: dict[str, Any] = {key: value for key, value in file.items() if key != "mesh"}
    places: dict[str, str] = {}
    meshes: dict[str, Any] = {}
    for name, raw in tables.items():
        table = _mesh(name, raw, origin)
        place = f"{origin} [mesh.{name}]"
        meshes[name] = table["contexts"]
        for key, setting in (("protected", "protected"), ("read_only", "read_only_contexts")):
            if table.get(key):
                found[setting] = [*words(found.get(setting, ())), *table["contexts"]]
                places[setting] = place
        for key, setting in (("relays", "relays"), ("colors", "cluster_colors")):
            if table.get(key):
                found[setting] = {**found.get(setting, {}), **table[key]}
                places[setting] = place
        for key, value in table.get("load", {}).items() if name == chosen else ():
            found[f"load_{key}"] = value
            places[f"load_{key}"] = place
    return {**found, "meshes": meshes}, places


def _mesh(name: str, table: Any, origin: str) -> Table:
    where = f"[mesh.{name}] in {origin}"
    if not isinstance(table, Mapping) or "contexts" not in table:
        raise ConfigError(f"{where} is no mesh", cause="it names no contexts", hint='contexts = ["a", "prod-*"]')
    known(table, MESH_KEYS, f"{where} is no mesh")
    found = {key: _value(key, kind, table[key], where) for key, kind in _MESH.items() if key in table}
    known(found.get("load", {}), LOAD_KEYS, f"load of {where} is not understood")
    return found


def _value(key: str, kind: Callable[[Any], Any], raw: Any, where: str) -> Any:
    try:
        return kind(raw)
    except ValueError as error:
        raise ConfigError(f"{key} of {where} cannot be {raw!r}", cause=f"expected {error}") from error


def known(table: Table, keys: tuple[str, ...], title: str) -> None:
    """Raise ConfigError for the first key that is not one of `keys`, with the nearest that is."""
    unknown = next((key for key in table if key not in keys), None)
    if unknown is not None:
        near = nearest(unknown, keys, 0.4)
        hint = f"did you mean {near!r}?" if near else f"there may be {', '.join(keys)}"
        raise ConfigError(title, cause=f"it has {unknown}", hint=hint)


def theme_tables(raw: Any, origin: str) -> Mapping[str, Table]:
    """The tables `[themes.NAME]`, each with known keys and colours alone. Raises ConfigError."""
    if not isinstance(raw, Mapping) or not all(isinstance(table, Mapping) for table in raw.values()):
        raise ConfigError(f"themes in {origin} are tables", hint='[themes.mine] and below it base = "dark"')
    for name, table in raw.items():
        where = f"[themes.{name}] in {origin}"
        known(table, ("base", "clusters", *ROLES, *GROUNDS), f"{where} is no theme")
        if table.get("base", "dark") not in BASES:
            raise ConfigError(f"base of {where} cannot be {table['base']!r}", hint=f"it is one of {', '.join(BASES)}")
        for key, value in table.items():
            each = list(value) if key == "clusters" and isinstance(value, list) else [value]
            if len(each) > _CLUSTERS:
                raise ConfigError(f"{where} has more than {_CLUSTERS} colours of clusters")
            for one in each if key != "base" else ():
                _value(key, colour, one, where)
    return {str(name): dict(table) for name, table in raw.items()}
