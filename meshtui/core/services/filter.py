"""The services filter: words and `key:value` terms, all of which must hold; `!` before one turns it round."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from meshtui.core.errors import UsageError
from meshtui.core.model.state import Mesh
from meshtui.core.routing import annotations as a
from meshtui.core.services.row import Cell, Row
from meshtui.core.spelling import nearest

Test = Callable[[Row], bool]

HELP = (
    ("rebel", "part of namespace/name"),
    ("ns:shop  name:cart", "part of the namespace, of the name"),
    ("cluster:K  missing:K", "there, or not there, by tag or name"),
    ("ann:affinity  ann:shared=false", "annotation written, with that value"),
    ("is:global", "also shared, mesh, fault, headless, empty, inactive"),
    ("type:nodeport  port:80", "type; number or name of a port"),
    ("!is:global", "not; terms after one another must all hold"),
)
"""Each kind of term and what it means, for the line under the input."""


class ServiceFilter(Struct, frozen=True):
    """Terms that a row must all meet; none lets everything pass."""

    text: str = ""
    tests: tuple[Test, ...] = ()

    def matches(self, row: Row) -> bool:
        """Whether all terms hold for a row."""
        return all(test(row) for test in self.tests)


EVERYTHING = ServiceFilter()


def parse(text: str, mesh: Mesh) -> ServiceFilter:
    """The filter a person typed; raises UsageError for a key, cluster or state that does not exist."""
    return ServiceFilter(text.strip(), tuple(_term(word, mesh) for word in text.split()))


def _term(word: str, mesh: Mesh) -> Test:
    negated = word.startswith("!") and len(word) > 1
    test = _positive(word[1:] if negated else word, mesh)
    return (lambda row: not test(row)) if negated else test


def _positive(word: str, mesh: Mesh) -> Test:
    key, colon, value = word.partition(":")
    if not colon:
        needle = word.casefold()
        return lambda row: needle in row.key.casefold()
    make = _KEYS.get(key.casefold())
    if make is None:
        near = nearest(key, _KEYS, 0.5)
        hint = f"did you mean {near}:" if near else f"use {', '.join(f'{k}:' for k in _KEYS)} or plain words"
        raise UsageError(f"no filter key {key!r}", hint=hint)
    return make(value.casefold(), mesh)


def _namespace(value: str, _mesh: Mesh) -> Test:
    return lambda row: value in row.namespace.casefold()


def _name(value: str, _mesh: Mesh) -> Test:
    return lambda row: value in row.name.casefold()


def _context(value: str, mesh: Mesh) -> str:
    for cluster in mesh.clusters.values():
        if value in (cluster.tag.casefold(), cluster.name.casefold(), cluster.context.casefold()):
            return cluster.context
    known = ", ".join(f"{c.tag} {c.name}" for c in mesh.clusters.values())
    raise UsageError(f"no cluster {value!r}", hint=f"clusters here: {known}")


def _cluster(value: str, mesh: Mesh) -> Test:
    context = _context(value, mesh)
    return lambda row: any(cell.present and cell.context == context for cell in row.cells)


def _missing(value: str, mesh: Mesh) -> Test:
    context = _context(value, mesh)
    return lambda row: any(cell.known and not cell.present and cell.context == context for cell in row.cells)


def _annotation(value: str, _mesh: Mesh) -> Test:
    what, equals, wanted = value.partition("=")
    if what not in a.KEYS:
        raise UsageError(f"no annotation {what!r}", hint=f"use ann:{', ann:'.join(a.KEYS)}")

    def holds(cell: Cell) -> bool:
        found = cell.effective.written(what).value if cell.effective else None
        return found is not None and (not equals or found.casefold() == wanted)

    return lambda row: any(holds(cell) for cell in row.cells)


def _inactive(cell: Cell) -> bool:
    return cell.effective is not None and any(cell.effective.inactive(what) for what in a.KEYS)


_STATES: Mapping[str, Test] = {
    "global": lambda row: any(cell.effective is not None and cell.effective.global_ for cell in row.cells),
    "shared": lambda row: any(cell.effective is not None and cell.effective.shared for cell in row.cells),
    "mesh": lambda row: row.meshed,
    "fault": lambda row: row.fault,
    "headless": lambda row: any(cell.kind == "Headless" for cell in row.cells),
    "empty": lambda row: any(cell.total == 0 for cell in row.present),
    "inactive": lambda row: any(_inactive(cell) for cell in row.cells),
}


def _state(value: str, _mesh: Mesh) -> Test:
    if value not in _STATES:
        raise UsageError(f"no state {value!r}", hint=f"use is:{', is:'.join(_STATES)}")
    return _STATES[value]


def _type(value: str, _mesh: Mesh) -> Test:
    return lambda row: any(value in cell.kind.casefold() for cell in row.present)


def _port(value: str, _mesh: Mesh) -> Test:
    """`80` and `http` both match `http 80/TCP`."""
    return lambda row: any(
        value in cell.ports.casefold().replace("/", " ").replace(",", " ").split() for cell in row.present
    )


_KEYS: Mapping[str, Callable[[str, Mesh], Test]] = {
    "ns": _namespace,
    "name": _name,
    "cluster": _cluster,
    "missing": _missing,
    "ann": _annotation,
    "is": _state,
    "type": _type,
    "port": _port,
}
