"""Objects against a schema: what an API server finds wrong, in its words, what it drops, and what it fills in."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from typing import Any

from meshtui.sim.api.errors import Cause, required, unsupported, wrong

Schema = dict[str, Any]
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
WHOLE = "<nil>"
"""Where an error is that concerns no field of its own."""


def causes(schema: Schema, value: Any, path: str = "") -> list[Cause]:
    """Everything wrong with a value, fields in order of their names (kube-openapi's validators)."""
    return list(_errors(schema, value, path))


def _errors(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    kind = _KINDS.get(type(value), "null")
    wanted = schema.get("type")
    if wanted and kind != wanted and (wanted, kind) != ("number", "integer"):
        yield _type(path, wanted, kind)
    if value is None:
        if "type" not in schema and schema:
            yield _type(path, "integer" if schema.get("x-kubernetes-int-or-string") else "object", "null")
        return
    yield from _alternatives(schema, value, path)
    if isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(schema, value, path)
    elif isinstance(value, list):
        yield from _array(schema, value, path)
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, _json(value), schema["enum"])
    if isinstance(value, dict):
        yield from _object(schema, value, path)


def _type(path: str, wanted: str, kind: str, value: str = "") -> Cause:
    text = f"{path} in body must be of type {wanted}: {_json(value or kind)}"
    return ("FieldValueTypeInvalid", f"Invalid value: {_json(value or kind)}: {text}", path)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _alternatives(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    """AnyOf and oneOf; where none holds, what is wrong with the first is told, too."""
    for word, rule in (("anyOf", "at least one schema (anyOf)"), ("oneOf", "one and only one schema (oneOf).")):
        if word not in schema:
            continue
        failed = [causes(each, value, path) for each in schema[word]]
        valid = sum(not found for found in failed)
        if valid == 1 or (valid and word == "anyOf"):
            continue
        end = "" if word == "anyOf" else f" Found {'none valid' if not valid else f'{valid} valid alternatives'}"
        yield wrong(WHOLE, '""', f'"{path}" must validate {rule}{end}')
        if not valid:
            yield from failed[0]


def _text(schema: Schema, value: str, path: str) -> Iterator[Cause]:
    size = schema.get("maxLength")
    if size is not None and len(value) > size:
        yield ("FieldValueTooLong", f"Too long: may not be more than {size} bytes", path)
    least = schema.get("minLength", 0)
    if len(value) < least:
        yield wrong(path, _json(value), f"{path} in body should be at least {least} chars long")
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, value):
        yield wrong(path, _json(value), f"{path} in body should match '{pattern}'")
    if schema.get("format") == "cidr" and not _is_cidr(value):
        yield _type(path, "cidr", "string", value)


def _is_cidr(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text and text.rpartition("/")[2].isdigit()


def _number(schema: Schema, value: float, path: str) -> Iterator[Cause]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None and value > high:
        yield wrong(path, _json(value), f"{path} in body should be less than or equal to {high}")
    if low is not None and value < low:
        yield wrong(path, _json(value), f"{path} in body should be greater than or equal to {low}")


def _array(schema: Schema, value: list[Any], path: str) -> Iterator[Cause]:
    for index, item in enumerate(value):
        yield from _errors(schema.get("items", {}), item, f"{path}[{index}]")
    least, most = schema.get("minItems"), schema.get("maxItems")
    if least is not None and len(value) < least:
        yield wrong(path, str(len(value)), f"{path} in body should have at least {least} items")
    if most is not None and len(value) > most:
        yield ("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path)


def _object(schema: Schema, value: Schema, path: str) -> Iterator[Cause]:
    for name in schema.get("required", ()):
        if name not in value:
            yield required(_at(path, name))
    for name, item in sorted(value.items()):
        inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if inner:
            yield from _errors(inner, item, _at(path, name))


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def unknown(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Paths of the fields that a schema does not have: dropped, or refused under strict validation."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown(schema.get("items", {}), item, f"{path}[{index}]")
    elif isinstance(value, dict) and "additionalProperties" not in schema and "properties" in schema:
        for name, item in value.items():
            if name in schema["properties"]:
                yield from unknown(schema["properties"][name], item, _at(path, name))
            else:
                yield _at(path, name)


def complete(schema: Schema, value: Any) -> None:
    """Drop what the schema does not have and fill in its defaults, in place."""
    if isinstance(value, list):
        for item in value:
            complete(schema.get("items", {}), item)
    elif isinstance(value, dict) and "properties" in schema:
        fields = schema["properties"]
        for name in [n for n in value if n not in fields]:
            del value[name]
        for name, inner in fields.items():
            if "default" in inner and value.get(name) is None:
                value[name] = inner["default"]
            if name in value:
                complete(inner, value[name])
