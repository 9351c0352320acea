"""A change to clusters before it is made: what, where, before and after, its effect, and what it takes to allow it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct, field

from meshtui.core.errors import MeshtuiError
from meshtui.core.model.resources import Resource


class Verb(Enum):
    """What is done to one object."""

    ANNOTATE = "annotate"
    SCALE = "scale"
    APPLY = "apply"
    DELETE = "delete"


class Step(Struct, frozen=True):
    """One change to one object of one cluster.

    ANNOTATE: `before` and `after` map annotation keys to a value, or None for absent.
    SCALE: `{"replicas": n}`. APPLY: `after` is the whole manifest, `before` the old one or None.
    DELETE: `before` is the whole object, `after` is None.
    """

    context: str
    verb: Verb
    resource: Resource
    namespace: str
    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    resource_version: str = ""
    """Precondition: the change is refused with Conflict when the object has moved on."""

    @property
    def key(self) -> str:
        """`namespace/name`, or `name`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Consent(Enum):
    """What a person must do before a plan is carried out."""

    NONE = "none"
    CONFIRM = "confirm"
    TYPE_NAME = "type the context's name"


class Plan(Struct, frozen=True):
    """Changes that belong together, shown before they are made."""

    title: str
    steps: tuple[Step, ...]
    effects: tuple[str, ...] = ()
    """Sentences: what traffic will do, from `core.routing`."""
    warnings: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    """The equivalent kubectl commands."""
    consent: Consent = Consent.NONE
    refusal: MeshtuiError | None = None
    """Set when it must not be done at all (read-only, RBAC)."""
    undoes: str = ""
    """The change that it takes back, as the audit log names it; empty for one that takes back nothing."""


class Outcome(Struct, frozen=True):
    """What became of one step. `error` None means the API server accepted it."""

    step: Step
    error: MeshtuiError | None = None
    resource_version: str = ""
    at: float = 0.0
    """Wall time at which it was known."""
    change: str = ""
    """What the audit log calls the change it was part of."""

    @property
    def changed(self) -> bool:
        """Whether the object is another one now: accepted, and not what it was before."""
        same = bool(self.resource_version) and self.resource_version == self.step.resource_version
        return self.error is None and self.step.before != self.step.after and not same


class AuditEntry(Struct, frozen=True):
    """One line of the audit log."""

    at: float
    user: str
    context: str
    verb: str
    object: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    result: str
    dry_run: bool = False
    change: str = ""
    """Equal for all lines of one change."""
    undoes: str = ""
    """The change that this one takes back; empty for none."""


class History(Struct):
    """Changes made in this session, newest last: what `u` takes back."""

    done: list[tuple[Plan, tuple[Outcome, ...]]] = field(default_factory=list)
    tried: list[tuple[Plan, tuple[Outcome, ...]]] = field(default_factory=list)
    """Everything carried out, undone and refused plans included; dry runs are not."""
