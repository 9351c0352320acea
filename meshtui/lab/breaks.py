"""The second tour: six faults in the embedded mesh, each found with the dashboard, then mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshtui.core.errors import CheckFailed
from meshtui.core.health.model import Cause
from meshtui.lab.bring import bring
from meshtui.lab.checks.application import written
from meshtui.lab.checks.checkinput import Check, Checked, CheckInput, bad, every, good
from meshtui.lab.checks.requests import FIRST, SECOND, SILENCE, answers
from meshtui.lab.checks.table import repeat
from meshtui.lab.state import Side, State
from meshtui.lab.steps import step_named
from meshtui.lab.texts import Text, texts
from meshtui.lab.walk import Walk

PATIENCE = 90.0
"""Seconds until a fault must show, or its cure: KVStoreMesh notices after 14, cilium-health within a minute."""
LONG: Mapping[str, str] = {"X-Padding": "x" * 3000}
_BOTH = f"{FIRST}, {SECOND}"
Apply = Callable[[dict[str, Any]], Awaitable[object]]
Heal = Callable[[str], Awaitable[object]]
_OLD_NEWS = State(Side(annotations={"global": "true"}), Side(annotations={"global": "true", "shared": "false"}))


@dataclass(frozen=True, slots=True)
class Break:
    """One fault."""

    number: int
    name: str
    text: Text
    fault: Mapping[str, Any]
    """As the control URL takes it; `first` and `second` stand for the clusters."""
    cause: Cause
    """What the dashboard calls it."""
    shows: Check
    """What is to be seen while it lasts."""
    state: State
    """The application's state while it lasts."""


def _known(cause: Cause) -> Check:
    """The dashboard's own judgement names the cause. It is not repeated here: it is to be found."""

    async def check(given: CheckInput) -> Checked:
        if cause in _causes(given):
            return good("The dashboard knows what it is. Find it, then press a to compare and r to mend it.")
        return bad("The dashboard does not know yet what it is.")

    return check


def _causes(given: CheckInput) -> set[Cause]:
    """What the mesh suffers from, as judged from agents, probes, flows and requests."""
    return {trouble.cause for trouble in given.session.judging.now().troubles}


_SHARED = step_named("global").state
assert _SHARED is not None
_ALL_PASS = answers(_BOTH, _BOTH)
_HALF = answers(f"{FIRST}, {SILENCE}", f"{SECOND}, {SILENCE}")
_LONG_HALF = answers(f"{FIRST}, {SILENCE}", f"{SECOND}, {SILENCE}", LONG)
_FAULTS: dict[str, tuple[Mapping[str, Any], Cause, Check, State]] = {
    "link-cut": ({}, Cause.LINK_CUT, _HALF, _SHARED),
    "vxlan-only": ({}, Cause.OVERLAY_BLOCKED, _HALF, _SHARED),
    "agent-stopped": ({"cluster": "second", "node": "worker"}, Cause.AGENT_HUNG, _ALL_PASS, _SHARED),
    "control-plane-only": ({}, Cause.CONTROL_BLOCKED, every(written(_OLD_NEWS), _ALL_PASS), _OLD_NEWS),
    "wrong-ca": ({"cluster": "first"}, Cause.CERTIFICATE, _ALL_PASS, _SHARED),
    "mtu": ({}, Cause.MTU, every(_ALL_PASS, _LONG_HALF), _SHARED),
}


def _break(number: int, text: Text) -> Break:
    fault, cause, symptom, state = _FAULTS[text.name]
    return Break(number, text.name, text, fault, cause, every(symptom, _known(cause)), state)


BREAKS: tuple[Break, ...] = tuple(_break(number, text) for number, text in enumerate(texts("breaks").values(), 1))


async def _heard(given: CheckInput) -> Checked:
    """None of the six is known of any more."""
    left = _causes(given) & {each.cause for each in BREAKS}
    if left:
        return bad(f"The dashboard still says: {', '.join(sorted(cause.value for cause in left))}.")
    return good("Nothing of it is left.")


WHOLE = every(written(_SHARED), _ALL_PASS, answers(_BOTH, _BOTH, LONG), _heard)
"""Nothing is broken."""


class BreakTour:
    """The six faults. `trouble` breaks and mends; None where the mesh is not the embedded one."""

    title = "Break it"
    does = "break it"

    def __init__(self, walk: Walk, trouble: tuple[Apply, Heal] | None) -> None:
        self.walk = walk
        self.stops: tuple[Break, ...] = BREAKS
        self._trouble = trouble

    def why_not(self, stop: object) -> str:
        """Real clusters are not broken."""
        if self._trouble is not None:
            return ""
        return "Breaking is offered on the embedded mesh only (meshtui lab tour --demo): these clusters are real."

    def commands(self, stop: object) -> tuple[str, ...]:
        """None: what is broken is to be found."""
        return ()

    async def take(self, stop: Any) -> None:
        """Make the mesh whole, the service global, and break one thing."""
        chosen = BREAKS[stop.number - 1]
        if self._trouble is None:
            raise CheckFailed(self.why_not(stop))
        apply, heal = self._trouble
        await heal("")
        await self.walk.take(step_named("global"))
        await self._settled(answers(_BOTH, _BOTH), "The mesh was not whole before")
        await apply({"fault": chosen.name, **self._where(chosen)})
        self.walk.enter()
        await bring(self.walk.session, self.walk.place, chosen.state, self.walk.perform, f"break {chosen.name}")

    def _where(self, chosen: Break) -> dict[str, Any]:
        """The fault's clusters and node by name."""
        place = self.walk.place
        names = {"first": place.first, "second": place.second}
        found: dict[str, Any] = {key: names[value].name for key, value in chosen.fault.items() if key == "cluster"}
        if "node" in chosen.fault:
            nodes = sorted(self.walk.session.mesh.clusters[place.second.context].nodes)
            found["node"] = nodes[-1]
        return found

    async def check(self, stop: Any, seconds: float | None) -> Checked:
        """Whether it shows."""
        patience = PATIENCE if seconds is None else seconds
        return await repeat(BREAKS[stop.number - 1].shows, self.walk.check_input, patience, ask=True)

    async def back(self, stop: Any) -> None:
        """Mend it, and see that everything is whole."""
        if self._trouble is None:
            raise CheckFailed(self.why_not(stop))
        await self._trouble[1]("")
        await self.walk.take(step_named("global"))
        await self._settled(WHOLE, "It was mended, but not everything is whole yet")

    async def _settled(self, check: Check, title: str) -> None:
        found = await repeat(check, self.walk.check_input, 2 * PATIENCE, ask=True)
        if not found.ok:
            raise CheckFailed(title, cause=found.sentence, hint="look at the links (1) and the findings (f)")
