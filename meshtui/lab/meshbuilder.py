"""Who builds the mesh itself: the embedded mesh by request, kind and cilium for our clusters, else their owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from meshtui.core.errors import CheckFailed
from meshtui.lab.steps import LabStep


class MeshBuilder(Protocol):
    """Brings the steps about that come before the application."""

    def why_not(self, step: LabStep) -> str:
        """Why the step cannot be brought about here, in a sentence; empty when it can."""
        ...

    async def to(self, step: LabStep) -> None:
        """Bring the mesh to that step. Raises MeshtuiError."""
        ...

    def commands(self, step: LabStep) -> tuple[str, ...]:
        """The commands the step stands for."""
        ...


class ForeignMesh:
    """Clusters somebody else made: meshtui installs nothing in them but the application."""

    def why_not(self, step: LabStep) -> str:
        """Always the same."""
        return "Meshtui did not make these clusters, so this step is their owner's to do."

    async def to(self, step: LabStep) -> None:
        """Refuse."""
        raise CheckFailed(self.why_not(step), hint="do it by hand: the check does not care who did")

    def commands(self, step: LabStep) -> tuple[str, ...]:
        """None that would be sure to fit."""
        return ()


class EmbeddedMesh:
    """A mesh that moves itself to a step when asked: the embedded one."""

    def __init__(self, move: Callable[[str], Awaitable[None]], commands: Callable[[LabStep], tuple[str, ...]]) -> None:
        self._move = move
        self._commands = commands

    def why_not(self, step: LabStep) -> str:
        """It can go to any."""
        return ""

    async def to(self, step: LabStep) -> None:
        """Move there, forward or back."""
        await self._move(step.name)

    def commands(self, step: LabStep) -> tuple[str, ...]:
        """What it would take on kind."""
        return self._commands(step)
