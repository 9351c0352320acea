"""Walks the lab in a session: brings steps about, checks them, and takes the application away again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshtui.core.changes.plan import Plan
from meshtui.core.errors import CheckFailed, Refused
from meshtui.lab.bring import Perform, bring, carry_out
from meshtui.lab.checks.checkinput import MAX_TIME, Checked, CheckInput
from meshtui.lab.checks.requests import fire
from meshtui.lab.checks.table import CHECKS, patience, verify
from meshtui.lab.facts import IMAGES, Images
from meshtui.lab.meshbuilder import MeshBuilder
from meshtui.lab.observe import WORKLOADS
from meshtui.lab.place import Place, place
from meshtui.lab.remove import removal
from meshtui.lab.script import commands
from meshtui.lab.steps import STEPS, LabStep, step_named
from meshtui.mesh.session import Session

FIRES = frozenset({"drops"})
"""Steps at which there is something to see only after requests were made."""
NEEDED = ("cilium", "mesh-enabled", "connected")
"""What the application needs of the foundation."""
UNKNOWN = 10.0
"""Seconds until what clusters of others say of themselves is known."""
_BACK = 5.0
"""Seconds that clocks of nodes may be behind ours."""


@dataclass(slots=True)
class Walk:
    """One walk."""

    session: Session
    builder: MeshBuilder
    perform: Perform
    namespace: str = "default"
    images: Images = IMAGES
    planets: Sequence[str] = ()
    max_time: float = MAX_TIME
    patience: float | None = None
    """Seconds until an effect must show; None: what each step may take."""
    dry: bool = False
    """Whether `perform` changes nothing."""
    since: float = 0.0
    """Wall time from which on what flows show counts: when the step was entered."""

    @property
    def place(self) -> Place:
        """Where the lab is, as the clusters call themselves now. Raises UsageError."""
        return place(self.session.mesh, self.namespace, self.images, self.planets)

    @property
    def check_input(self) -> CheckInput:
        """What checks look with."""
        return CheckInput(self.session, self.place, self.max_time, self.since)

    def enter(self) -> None:
        """A step begins now: drops from before do not count."""
        self.since = self.session.clock.now() - _BACK

    async def take(self, step: LabStep) -> bool:
        """Bring the step's state about from wherever the mesh is; False when nothing had to be changed.

        Raises what was refused, what failed, and CheckFailed where nobody here can do it.
        """
        if step.state is None:
            if await self._stands(step):
                return False
            if not self.dry:
                await self._found(step)
            return True
        await self._founded()
        self._alone(step)
        title = f"step {step.name}"
        changed = await bring(self.session, self.place, step.state, self.perform, title, dry=self.dry)
        if step.name in FIRES and not self.dry:
            await fire(self.check_input)
        return changed

    async def check(self, step: LabStep, seconds: float | None = None) -> Checked:
        """Whether the step's effect shows, given that many seconds (by default what it may take)."""
        if seconds is None:
            seconds = patience(step) if self.patience is None else self.patience
        return await verify(step, self.check_input, seconds)

    def commands(self, step: LabStep) -> tuple[str, ...]:
        """The commands the step stands for."""
        return self.builder.commands(step) if step.foundation else commands(self.place, step)

    def _alone(self, step: LabStep) -> None:
        """Raise Refused where default-deny would cut off pods that are not the lab's; a local lab is a person's own."""
        if step.state is None or not any(side.policies for side in step.state.sides):
            return
        clusters = self.session.mesh.clusters
        theirs = [half for half in self.place.halves if not clusters[half.context].trusted]
        if theirs and (others := intruders(self)):
            raise Refused(not_alone(self.namespace), cause=", ".join(others[:3]), hint=ELSEWHERE)

    async def _stands(self, step: LabStep) -> bool:
        """Whether the foundation is at that step and no further; further is well where it cannot go back."""
        here = (await CHECKS[step.name](self.check_input)).ok
        after = STEPS[2] if step.number < 2 else STEPS[step.number]  # bare clusters are the first two steps
        beyond = after.foundation and (await CHECKS[after.name](self.check_input)).ok
        return here and (not beyond or bool(self.builder.why_not(step)))

    async def _found(self, step: LabStep) -> None:
        await self.builder.to(step)
        self.session.look_again()

    async def _founded(self) -> None:
        """Build what the application needs, where meshtui may. Raises CheckFailed when it does not come to be.

        In clusters of others only Cilium must be there: of a broken mesh the step's own check tells more.
        """
        last = step_named(NEEDED[-1])
        theirs = bool(self.builder.why_not(last))
        needed = NEEDED[:1] if theirs else NEEDED
        missing = [name for name in needed if not (await CHECKS[name](self.check_input)).ok]
        if not missing:
            return
        build = not theirs and not self.dry
        if build:
            await self._found(last)
        found = await self.check(last if build else step_named(missing[0]), None if build else UNKNOWN)
        if not found.ok:
            hint = f"the application needs a mesh: see step {missing[0]} in `meshtui lab status`"
            raise CheckFailed(found.sentence, hint=hint)

    async def remove(self) -> list[str]:
        """Take the lab's application away; the names of what is removed. Raises what a step failed with."""
        plans = await removal(self.session, self.place)
        for each in plans:
            await carry_out(self.session, each, self.perform)
        await self._seen_gone(plans)
        return [f"{step.context}: {step.resource.kind} {step.key}" for each in plans for step in each.steps]

    async def _seen_gone(self, plans: Sequence[Plan]) -> None:
        """Wait, for a short while at most, until the watches show what was deleted: who asks again finds nothing."""
        steps = [step for plan in plans for step in plan.steps]
        for _ in range(_LOOKS):
            if not any(s.key in self.session.mesh.clusters[s.context].of(s.resource) for s in steps):
                return
            await asyncio.sleep(_LOOK)

    def with_place(self, namespace: str, images: Images = IMAGES, planets: Sequence[str] = ()) -> Walk:
        """The same walk elsewhere."""
        return replace(self, namespace=namespace, images=images, planets=planets)


_LOOKS, _LOOK = 100, 0.05
"""How often it is looked whether a deletion is seen, and the seconds in between."""
ELSEWHERE = "choose another namespace with -n; `meshtui lab deploy -n lab` makes it"


def not_alone(namespace: str) -> str:
    """What is said where other pods are in the lab's namespace."""
    return f"{namespace} has pods that are not the lab's: its policies would cut them off"


def intruders(walk: Walk) -> list[str]:
    """Pods in the namespace that are not the lab's: default-deny would cut them off. `cluster: namespace/name`."""
    found: list[str] = []
    for half in walk.place.halves:
        cluster = walk.session.mesh.clusters[half.context]
        found += [
            f"{half.name}: {pod.key}"
            for pod in cluster.pods.values()
            if pod.namespace == walk.namespace and pod.labels.get("name") not in WORKLOADS
        ]
    return found
