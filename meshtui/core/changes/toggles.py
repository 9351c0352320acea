"""What a toggle of global, shared or affinity writes: which annotation keys, from what value to what.

A key of the new spelling wins over its alias as soon as it exists, so where an alias is present both are written
(cilium pkg/annotation/clustermesh.go). Turning off means deleting, which every version reads alike (`none` as
affinity drops all remote backends on 1.18 and 1.19); only `shared` has an off that must be written, since its
absence means on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from meshtui.core.errors import UsageError
from meshtui.core.model.objects import Service
from meshtui.core.routing.annotations import ALIASES, KEYS, affinity_known, is_true, read

Annotations = dict[str, str | None]
"""Annotation key → value, or None for absent."""

_AFFINITY_CYCLE = {"": "local", "none": "local", "local": "remote", "remote": None}


class AnnotationChange(Struct, frozen=True):
    """One service's annotations before and after; only keys that may change are named."""

    before: Annotations
    after: Annotations

    def __bool__(self) -> bool:
        return self.before != self.after


def check(what: str, value: str | None = None) -> None:
    """Raises UsageError when `what` is no toggle, or `value` one that Cilium would not take as meant."""
    if what not in KEYS:
        raise UsageError(f"no such annotation: {what!r}", hint="use global, shared or affinity")
    allowed = ("local", "remote") if what == "affinity" else ("true", "false")
    if value is not None and value not in allowed:
        hint = f"use {' or '.join(allowed)}, or - to delete the annotation"
        cause = "Cilium 1.18 and 1.19 drop all remote backends on it" if value == "none" else ""
        raise UsageError(f"{what} cannot be {value!r}", cause=cause, hint=hint)


def is_on(service: Service, what: str) -> bool:
    """Whether global or shared is on as written: shared is, unless something other than `true` is written."""
    value = read(service.annotations, KEYS[what]).value
    return is_true(value) or (what == "shared" and value is None)


def next_value(services: Sequence[Service], what: str) -> str | None:
    """The one value a toggle gives to all of `services`; None deletes.

    Mixed services become equal first: any that is off turns all on; a mixed affinity follows the first service.
    A word Cilium does not know is deleted.
    """
    if what == "affinity":
        value = read(services[0].annotations, KEYS[what]).value
        return _AFFINITY_CYCLE.get((value or "").lower())
    turn_on = not all(is_on(service, what) for service in services)
    if what == "global":
        return "true" if turn_on else None
    return None if turn_on else "false"


def change(service: Service, what: str, value: str | None) -> AnnotationChange:
    """What to write so that Cilium reads `value` (None: neither the key nor its alias is left)."""
    key = KEYS[what]
    alias = ALIASES[key]
    before: Annotations = {key: service.annotations.get(key)}
    after: Annotations = {key: value}
    if alias in service.annotations:
        before[alias] = service.annotations[alias]
        after[alias] = value
    return AnnotationChange(before, after)


def annotate(annotations: Mapping[str, str], after: Mapping[str, str | None]) -> dict[str, str]:
    """`annotations` once `after` has been merged into them."""
    merged = {**annotations, **after}
    return {key: value for key, value in merged.items() if value is not None}


def without_effect(service: Service, what: str) -> bool:
    """Whether `what` means nothing on this service now: shared and affinity count only where it is global."""
    return what != "global" and not is_on(service, "global")


def warnings(service: Service, what: str) -> Iterator[str]:
    """What a person should know of this service before `what` is changed."""
    if without_effect(service, what):
        yield f"{service.key} is not global here: {what} has no effect until it is"
    read_now = read(service.annotations, KEYS[what])
    if read_now.ignored:
        yield f"{service.key} carries both {KEYS[what]} and its alias {read_now.ignored[0]}: both are changed"
    if what == "affinity" and not affinity_known(read_now.value):
        yield f"affinity {read_now.value!r} is no value Cilium knows; 1.18 and 1.19 drop all remote backends on it"
