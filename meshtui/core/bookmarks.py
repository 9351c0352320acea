"""A place in the dashboard that a person keeps under a name: pane, cluster, service, filters, order, namespaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from meshtui.core.model.order import natural
from meshtui.core.text import clean

NAME_MOST = 60
"""Characters of a name."""
MOST = 200
"""Bookmarks kept of one mesh."""


class Bookmark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that leads back to a place; empty parts were not narrowed down."""

    name: str
    pane: str = "services"
    context: str = ""
    """The cluster the cursor was on."""
    service: str = ""
    """`namespace/name` the cursor was on."""
    namespaces: tuple[str, ...] = ()
    services_filter: str = ""
    mesh_only: bool = False
    faults_only: bool = False
    sort: str = ""
    """Name of a `core.services.table.Sort`; empty for the usual order."""
    reverse: bool = False
    flows_filter: str = ""
    flows_preset: str = "dropped"
    flows_service: str = ""
    """The filter of the preset `service`."""
    flows_hidden: tuple[str, ...] = ()
    """Noise that is not shown."""
    flows_view: str = "events"
    """`events`, `sums`, `connections` or `map`."""

    @property
    def words(self) -> str:
        """Where it leads, for people: `services · team-00/web at K · /is:global`."""
        parts = [self.pane]
        if self.pane == "flows":
            parts += [self.flows_view, self.flows_preset] + ([f"/{self.flows_filter}"] if self.flows_filter else [])
        elif self.service and self.pane == "services":
            parts.append(self.service + (f" at {self.context}" if self.context else ""))
        elif self.context:
            parts.append(f"at {self.context}")
        if self.pane == "services":
            parts += [f"/{self.services_filter}"] if self.services_filter else []
            parts += ["mesh only"] if self.mesh_only else []
            parts += ["faults only"] if self.faults_only else []
        parts += [f"namespace {', '.join(self.namespaces)}"] if self.namespaces else []
        return clean(" · ".join(parts), 400)


def named(text: str) -> str:
    """What a person typed as a name: one line, printable, not too long; may be empty."""
    return " ".join(clean(text, 200).split())[:NAME_MOST]


def proposed(mark: Bookmark) -> str:
    """A name for a place that has none yet."""
    if mark.pane == "flows":
        return named(mark.flows_filter or f"{mark.flows_view} {mark.flows_preset}")
    if mark.pane == "services":
        return named(mark.services_filter or mark.service or "services")
    return named(f"{mark.pane} {mark.context}")


def put(marks: Iterable[Bookmark], mark: Bookmark) -> list[Bookmark]:
    """With a bookmark more, in the place of the one of its name; in natural order of names."""
    kept = [old for old in marks if old.name != mark.name]
    return sorted([*kept, mark], key=lambda one: natural(one.name))[:MOST]


def without(marks: Iterable[Bookmark], name: str) -> list[Bookmark]:
    """Without the one of that name."""
    return [mark for mark in marks if mark.name != name]


def key_of(mesh: str, contexts: Iterable[str]) -> str:
    """Which mesh bookmarks belong to: its name in the settings, else the contexts that are looked at."""
    return mesh or " ".join(sorted(contexts))


def encode(of_meshes: Mapping[str, list[Bookmark]]) -> bytes:
    """All meshes' bookmarks as JSON."""
    return msgspec.json.format(msgspec.json.encode(of_meshes), indent=1)


def decode(data: bytes) -> dict[str, list[Bookmark]]:
    """What `encode` made. Raises ValueError for anything else."""
    try:
        return msgspec.json.decode(data, type=dict[str, list[Bookmark]])
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
