"""Trouble on demand in the demo's palette: break the embedded mesh, and mend it again."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from meshtui.core.errors import MeshtuiError
from meshtui.tui.board import Host

if TYPE_CHECKING:
    from meshtui.sim import FaultKind, Trouble

Fault = dict[str, Any]


class Entry(NamedTuple):
    """One line of the palette."""

    title: str
    help: str
    fault: Fault
    """What to break, or to mend."""
    mend: bool = False
    narrow: bool = False
    """About one cluster alone: only found by typing."""


def entries(kinds: tuple[FaultKind, ...], clusters: tuple[str, ...], active: tuple[Fault, ...]) -> Iterator[Entry]:
    """What can be mended, then what can be broken: everywhere, and in each cluster by itself."""
    from meshtui.sim import fault_words

    if len(active) > 1:
        yield Entry("Mend everything", f"{len(active)} faults are active.", {}, mend=True)
    for name in dict.fromkeys(str(fault["fault"]) for fault in active):
        told = "; ".join(fault_words(fault) for fault in active if fault["fault"] == name)
        yield Entry(f"Mend {name}", f"active: {told}", {"fault": name}, mend=True)
    for kind in kinds:
        for offer in kind.offers:
            fault = {"fault": kind.name, **offer}
            if fault not in active:
                yield Entry(f"Break: {fault_words(fault)}", kind.about, fault)
            for cluster in clusters if "cluster" in kind.takes else ():
                there = {**fault, "cluster": cluster}
                yield Entry(f"Break: {fault_words(there)}", kind.about, there, narrow=True)


class TroubleProvider(Provider):
    """The faults of the embedded mesh; empty when the dashboard looks at any other."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._entries: tuple[Entry, ...] = ()

    @property
    def _app(self) -> Host:
        return cast("Host", self.app)

    async def startup(self) -> None:
        """Ask the embedded mesh what it can do."""
        if not self._app.control:
            return
        trouble = _trouble(self._app)
        try:
            self._entries = tuple(entries(await trouble.kinds(), await trouble.clusters(), await trouble.active()))
        except MeshtuiError:
            return

    def _run(self, entry: Entry) -> partial[Coroutine[Any, Any, None]]:
        return partial(_carry_out, self._app, entry)

    async def discover(self) -> Hits:
        """What can be mended, and what can be broken everywhere."""
        for entry in self._entries:
            if not entry.narrow:
                yield DiscoveryHit(entry.title, self._run(entry), help=entry.help)

    async def search(self, query: str) -> Hits:
        """Those that match what is typed."""
        matcher = self.matcher(query)
        for entry in self._entries:
            score = matcher.match(entry.title)
            if score > 0:
                yield Hit(score, matcher.highlight(entry.title), self._run(entry), help=entry.help)


def _trouble(app: Host) -> Trouble:
    from meshtui.sim import Trouble

    return Trouble(app.control)


async def _carry_out(app: Host, entry: Entry) -> None:
    from meshtui.sim import fault_words

    try:
        trouble = _trouble(app)
        left = await (trouble.heal(entry.fault.get("fault", "")) if entry.mend else trouble.apply(entry.fault))
    except MeshtuiError as error:
        app.board.tell(error)
        return
    if left:
        app.board.say(f"broken: {'; '.join(fault_words(fault) for fault in left)}", "warn", "!")
    else:
        app.board.say("the embedded mesh is whole again")
