"""Makes the tours of a session: who may build in these clusters, and how a person is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshtui.core.changes.plan import Outcome, Plan
from meshtui.core.errors import MeshtuiError, Refused, UsageError
from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.lab.breaks import BreakTour
from meshtui.lab.guide import Guide
from meshtui.lab.kind.commands import Command
from meshtui.lab.kind.lab import usual
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.meshbuilder import kind_mesh
from meshtui.lab.kind.record import Records
from meshtui.lab.meshbuilder import EmbeddedMesh, ForeignMesh, MeshBuilder
from meshtui.lab.progress import ProgressFile
from meshtui.lab.tour import LabTour
from meshtui.lab.walk import Walk
from meshtui.mesh.session import Session
from meshtui.tui.board import Board
from meshtui.tui.changes.actions import consent, report
from meshtui.tui.ports import SessionPort

_KEPT = 200


class Log:
    """Shows what kind and cilium print in the pane."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def begin(self, command: Command, number: int, total: int) -> None:
        """The command."""
        self._tell(f"[{number}/{total}] $ {command.text.splitlines()[0]}")

    def line(self, text: str) -> None:
        """Its output."""
        self._tell(text)

    def end(self, command: Command, seconds: float, skipped: bool) -> None:
        """Its end."""
        self._tell("it was so already" if skipped else f"done in {seconds:.0f} s")

    def say(self, text: str) -> None:
        """Anything else."""
        self._tell(text)


def guides(
    board: Board, session: SessionPort, control: str, changed: Callable[[], None], max_time: float = 2.0
) -> tuple[Guide, Guide]:
    """The tour and the one that breaks things. Raises MeshtuiError where there is no lab to walk."""
    if not isinstance(session, Session):
        raise UsageError("a recording cannot be walked", hint="start meshtui on clusters, or `meshtui demo`")
    settings = board.settings
    log: list[str] = []

    def tell(text: str) -> None:
        log.append(text)
        del log[:-_KEPT]
        changed()

    builder = _builder(session, settings, control, Log(tell))
    namespace = settings.namespaces[0] if settings.namespaces else "default"
    walk = Walk(session, builder, _asking(board, session), namespace, max_time=max_time)
    lab = "+".join(half.context for half in walk.place.halves) + f"/{namespace}"
    first = Guide(LabTour(walk), ProgressFile(settings.state_directory, f"tour {lab}"), changed)
    second = Guide(BreakTour(walk, _trouble(control)), ProgressFile(settings.state_directory, f"break {lab}"), changed)
    first.log = second.log = log
    walk.enter()
    return first, second


def _builder(session: Session, settings: Settings, control: str, log: Log) -> MeshBuilder:
    if control:
        from meshtui.sim import Trouble

        return EmbeddedMesh(Trouble(control).stage, usual)
    if settings.state_directory is None or settings.read_only:
        return ForeignMesh()
    records = Records(settings.state_directory)
    try:
        return kind_mesh(session.mesh.clusters, lambda: records, Machine(), log, SystemClock()) or ForeignMesh()
    except MeshtuiError:
        return ForeignMesh()


def _trouble(
    control: str,
) -> tuple[Callable[[dict[str, object]], Awaitable[object]], Callable[[str], Awaitable[object]]] | None:
    if not control:
        return None
    from meshtui.sim import Trouble

    trouble = Trouble(control)
    return trouble.apply, trouble.heal


def _asking(board: Board, session: Session) -> Callable[[Plan], Awaitable[tuple[Outcome, ...]]]:
    """Carries out a plan as every change of the dashboard's is: refused, asked for, told."""

    async def perform(plan: Plan) -> tuple[Outcome, ...]:
        if plan.refusal is not None:
            raise plan.refusal
        await session.changes_seen()
        answer = await consent(board, session, plan)
        if answer is None:
            raise Refused(f"{plan.title}: left as it is")
        outcomes = await session.perform(plan, confirmed=True, typed=answer)
        report(board, plan, outcomes)
        board.redraw()
        return outcomes

    return perform
