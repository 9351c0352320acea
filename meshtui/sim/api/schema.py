"""Fields and types of the built-in kinds: what strict validation and OpenAPI know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from meshtui.sim.api.errors import ApiError, bad_request
from meshtui.sim.api.registry import ApiResource
from meshtui.sim.store import Object

Fields = dict[str, tuple[str, str]]
_GO = {"str": "string", "int": "int32", "bool": "bool", "datetime": "Time", "float": "float64"}
_OPEN = {"ObjectMeta", "FieldsV1", "JSONSchemaProps"}


@cache
def _table() -> dict[str, Any]:
    data = (resources.files("meshtui.sim.api") / "kubernetes.json").read_bytes()
    found: dict[str, Any] = msgspec.json.decode(data)
    return found


def types() -> dict[str, Fields]:
    """Every definition: field → (type, description); types read `str`, `list[Container]`, `int|str`."""
    found: dict[str, Fields] = _table()["types"]
    return found


def messages() -> dict[str, dict[str, tuple[str, str]]]:
    """Protobuf messages: number → (field, type); `*` marks repeated, `{}` a map."""
    found: dict[str, dict[str, tuple[str, str]]] = _table()["protobuf"]
    return found


def name_of(resource: ApiResource) -> str:
    """The definition of a resource's objects, empty when there is none."""
    if resource.kind == "Event":
        return "EventsEvent" if resource.group else "CoreEvent"
    return resource.kind if resource.kind in types() and not resource.custom else ""


def inner(kind: str) -> tuple[str, str]:
    """(`list`, `dict` or empty; what is in it) of a type."""
    found = re.match(r"^(list|dict)\[(.*)\]$", kind)
    return (found[1], found[2]) if found else ("", kind)


def check_types(resource: ApiResource, obj: Object) -> None:
    """Refuse values of the wrong JSON type. Raises ApiError 400."""
    name = name_of(resource)
    if not name:
        return
    for problem in _mistyped(name, obj, ""):
        owner, path, got, wanted = problem
        raise _refusal(
            resource,
            f"json: cannot unmarshal {got} into Go struct field {owner}.{path} of type {wanted}",
        )


def refuse_unknown(resource: ApiResource, obj: Object) -> None:
    """Refuse fields the kind does not have. Raises ApiError 400."""
    if resource.custom:
        known = {"apiVersion", "kind", "metadata", "spec", "specs", "status", "identity", "security-labels"}
        unknown = [f'unknown field "{key}"' for key in obj if key not in known]
        if unknown:
            raise bad_request(f"strict decoding error: {', '.join(unknown)}")
        return
    name = name_of(resource)
    unknown = [f'unknown field "{path}"' for path in _unknown(name, obj, "")] if name else []
    if unknown:
        raise _refusal(resource, f"strict decoding error: {', '.join(unknown)}")


def _refusal(resource: ApiResource, why: str) -> ApiError:
    return bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}')


def _unknown(name: str, obj: Any, at: str) -> Iterator[str]:
    fields = types().get(name)
    if fields is None or not isinstance(obj, dict):
        return
    for key, value in obj.items():
        path = f"{at}.{key}" if at else key
        if key not in fields:
            yield path
            continue
        container, kind = inner(fields[key][0])
        if container == "list" and isinstance(value, list):
            for index, item in enumerate(value):
                yield from _unknown(kind, item, f"{path}[{index}]")
        elif container == "dict" and isinstance(value, dict):
            for item in value.values():
                yield from _unknown(kind, item, path)
        else:
            yield from _unknown(kind, value, path)


def _mistyped(name: str, obj: Any, at: str) -> Iterator[tuple[str, str, str, str]]:
    fields = types().get(name)
    if fields is None or not isinstance(obj, dict):
        return
    for key, value in obj.items():
        if key not in fields or value is None:
            continue
        path = f"{at}.{key}" if at else key
        container, kind = inner(fields[key][0])
        if container and not isinstance(value, list if container == "list" else dict):
            told = "[]" if container == "list" else "map[string]"
            yield name, path, _json_kind(value), f"{told}{_GO.get(kind, kind)}"
            continue
        items = value if container == "list" else list(value.values()) if container else [value]
        for item in items:
            if item is not None and not _fits(kind, item):
                yield name, path, _json_kind(item), _GO.get(kind, f"v1.{kind}")
            yield from _mistyped(kind, item, path)


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "str" | "datetime":
            return isinstance(value, str)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "bool":
            return isinstance(value, bool)
        case "int|str":
            return isinstance(value, int | str) and not isinstance(value, bool)
        case _:
            return kind not in types() or kind in _OPEN or isinstance(value, dict)


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object"
