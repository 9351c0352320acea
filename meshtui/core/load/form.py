"""The options of a load test as text fields, as a person fills them in, and the spec they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from meshtui.core.errors import UsageError
from meshtui.core.load.script import check
from meshtui.core.load.spec import LoadSpec


class Field(NamedTuple):
    """One text field."""

    name: str
    label: str
    about: str


FIELDS = (
    Field("url", "service or URL", "rebel-base, or http://rebel-base.default:80/path"),
    Field("count", "requests", "10"),
    Field("concurrency", "at once", "1"),
    Field("rate", "per second", "1 to 50: steady mode, until stopped"),
    Field("duration", "for seconds", "of steady mode; empty: until stopped"),
    Field("max_time", "time limit", "seconds per request"),
    Field("method", "method", "GET"),
    Field("headers", "headers", "Name: value; Name: value"),
    Field("body", "body", "sent as it is"),
    Field("cluster_field", "answer's field", "JSON field that names who answered"),
    Field("cluster_header", "answer's header", "header that names who answered"),
)
_NUMBERS = {"count": int, "concurrency": int, "rate": float, "duration": float, "max_time": float}


def filled(spec: LoadSpec) -> dict[str, str]:
    """Each field's text for a spec; what is at its default of nothing is empty."""
    return {
        "url": spec.url,
        "count": str(spec.count) if spec.count else "",
        "concurrency": str(spec.concurrency),
        "rate": f"{spec.rate:g}" if spec.rate else "",
        "duration": f"{spec.duration:g}" if spec.duration else "",
        "max_time": f"{spec.max_time:g}",
        "method": spec.method,
        "headers": "; ".join(f"{name}: {value}" for name, value in spec.headers.items()),
        "body": spec.body,
        "cluster_field": spec.cluster_field,
        "cluster_header": spec.cluster_header,
    }


def read(spec: LoadSpec, texts: Mapping[str, str]) -> LoadSpec:
    """`spec` with what was filled in. Raises UsageError naming the field that cannot be."""
    given = {name: text.strip() for name, text in texts.items()}
    numbers = {name: _number(name, given.get(name, "")) for name in _NUMBERS}
    steady = numbers["rate"] > 0
    made = replace(
        spec,
        url=given.get("url", ""),
        count=0 if steady else int(numbers["count"]) or 10,
        concurrency=int(numbers["concurrency"]) or 1,
        rate=numbers["rate"],
        duration=numbers["duration"] if steady else 0.0,
        max_time=numbers["max_time"] or 2.0,
        method=(given.get("method") or "GET").upper(),
        headers=_headers(given.get("headers", "")),
        body=texts.get("body", ""),
        cluster_field=given.get("cluster_field", ""),
        cluster_header=given.get("cluster_header", ""),
    )
    check(made)
    return made


def _number(name: str, text: str) -> float:
    try:
        return _NUMBERS[name](text) if text else 0
    except ValueError:
        label = next(field.label for field in FIELDS if field.name == name)
        raise UsageError(f"{label} cannot be {text!r}", hint="a number, or empty") from None


def _headers(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(str.strip, text.split(";")):
        name, colon, value = part.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"a header is Name: value, not {part.strip()!r}", hint="several are separated by ;")
        found[name.strip()] = value.strip()
    return found
