"""Trouble on demand in the demo's palette: break the embedded mesh, and mend it again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from meshtui.core.errors import MeshtuiError
from meshtui.tui.board import Host
from meshtui.tui.palette.entries import Entry

if TYPE_CHECKING:
    from meshtui.sim import FaultKind, Trouble

Fault = dict[str, Any]


class Offer(NamedTuple):
    """One thing to break, or to mend."""

    title: str
    help: str
    fault: Fault
    """What to break, or to mend."""
    mend: bool = False
    narrow: bool = False
    """About one cluster alone: only found by typing."""


def offers(kinds: tuple[FaultKind, ...], clusters: tuple[str, ...], active: tuple[Fault, ...]) -> Iterator[Offer]:
    """What can be mended, then what can be broken: everywhere, and in each cluster by itself."""
    from meshtui.sim import fault_words

    if len(active) > 1:
        yield Offer("Mend everything", f"{len(active)} faults are active.", {}, mend=True)
    for name in dict.fromkeys(str(fault["fault"]) for fault in active):
        told = "; ".join(fault_words(fault) for fault in active if fault["fault"] == name)
        yield Offer(f"Mend {name}", f"active: {told}", {"fault": name}, mend=True)
    for kind in kinds:
        for offer in kind.offers:
            fault = {"fault": kind.name, **offer}
            if fault not in active:
                yield Offer(f"Break: {fault_words(fault)}", kind.about, fault)
            for cluster in clusters if "cluster" in kind.takes else ():
                there = {**fault, "cluster": cluster}
                yield Offer(f"Break: {fault_words(there)}", kind.about, there, narrow=True)


async def trouble_entries(host: Host) -> list[Entry]:
    """What can be mended and broken; nothing when the dashboard looks at a mesh that is not the embedded one."""
    if not host.control:
        return []
    trouble = _trouble(host)
    try:
        offered = offers(await trouble.kinds(), await trouble.clusters(), await trouble.active())
    except MeshtuiError:
        return []
    return [Entry(x.title, x.help, partial(_carry_out, host, x), typed_only=x.narrow) for x in offered]


def _trouble(host: Host) -> Trouble:
    from meshtui.sim import Trouble

    return Trouble(host.control)


async def _carry_out(host: Host, offer: Offer) -> None:
    from meshtui.sim import fault_words

    try:
        trouble = _trouble(host)
        left = await (trouble.heal(offer.fault.get("fault", "")) if offer.mend else trouble.apply(offer.fault))
    except MeshtuiError as error:
        host.board.tell(error)
        return
    if left:
        host.board.say(f"broken: {'; '.join(fault_words(fault) for fault in left)}", "warn", "!")
    else:
        host.board.say("the embedded mesh is whole again")
