"""A tour: stops in their order, each with words, commands, something to do, a check, and a way back."""

from __future__ import annotations

from typing import Protocol

from meshtui.lab.checks.checkinput import Checked
from meshtui.lab.steps import STEPS, LabStep
from meshtui.lab.texts import Text
from meshtui.lab.walk import Walk


class Stop(Protocol):
    """One stop."""

    @property
    def number(self) -> int:
        """From 1."""
        ...

    @property
    def name(self) -> str:
        """Stable: progress is kept by it."""
        ...

    @property
    def text(self) -> Text:
        """Its words."""
        ...


class Tour(Protocol):
    """One tour. Everything that reaches the clusters may raise MeshtuiError."""

    title: str
    does: str
    """The word for what `enter` does."""

    @property
    def stops(self) -> tuple[Stop, ...]:
        """In order."""
        ...

    @property
    def walk(self) -> Walk:
        """What it goes through the lab with."""
        ...

    def why_not(self, stop: Stop) -> str:
        """Why the stop cannot be brought about here; empty when it can."""
        ...

    def commands(self, stop: Stop) -> tuple[str, ...]:
        """The commands it stands for."""
        ...

    async def take(self, stop: Stop) -> None:
        """Bring it about from wherever the mesh is."""
        ...

    async def check(self, stop: Stop, seconds: float | None) -> Checked:
        """Whether its effect shows within that many seconds, by default within what it may take."""
        ...

    async def back(self, stop: Stop) -> None:
        """Undo it: the state before it, or what was broken whole again."""
        ...


class LabTour:
    """The lab's twenty steps."""

    title = "Tour"
    does = "do it"

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.stops: tuple[LabStep, ...] = STEPS

    def why_not(self, stop: Stop) -> str:
        """The foundation is not always ours to build."""
        step = STEPS[stop.number - 1]
        return self.walk.builder.why_not(step) if step.foundation else ""

    def commands(self, stop: Stop) -> tuple[str, ...]:
        """As in a script."""
        return self.walk.commands(STEPS[stop.number - 1])

    async def take(self, stop: Stop) -> None:
        """Bring its state about."""
        self.walk.enter()
        await self.walk.take(STEPS[stop.number - 1])

    async def check(self, stop: Stop, seconds: float | None) -> Checked:
        """Read it back from the clusters."""
        return await self.walk.check(STEPS[stop.number - 1], seconds)

    async def back(self, stop: Stop) -> None:
        """To the last step that stands for another state; bare clusters have none before them."""
        state = STEPS[stop.number - 1].state
        earlier = [step for step in STEPS[: stop.number - 1] if step.foundation or step.state != state]
        await self.walk.take(earlier[-1] if earlier else STEPS[0])
