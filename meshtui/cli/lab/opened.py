"""Opens a walk for one answer: a session, who may build in it, and how a person is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from meshtui.cli import consent, headless
from meshtui.cli.changing import carry_out
from meshtui.cli.lab.build import Screen
from meshtui.core.changes.plan import Consent, Outcome, Plan
from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.lab.facts import images_of
from meshtui.lab.kind.lab import usual
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.meshbuilder import kind_mesh
from meshtui.lab.kind.record import Records
from meshtui.lab.meshbuilder import EmbeddedMesh, ForeignMesh, MeshBuilder
from meshtui.lab.steps import LabStep
from meshtui.lab.walk import Walk
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session


@asynccontextmanager
async def opened(arguments: Any, namespace: str) -> AsyncIterator[Walk]:
    """A walk in the namespace the command line names, else in that one; on an embedded mesh where it is asked for."""
    settings = headless.settings_from(arguments)
    chosen = settings.namespaces[0] if settings.namespaces else namespace
    settings = replace(settings, namespaces=(chosen,), all_namespaces=False)
    if not arguments.demo:
        async with _walk(arguments, settings, chosen, arguments.control) as walk:
            yield walk
        return
    from meshtui.sim import SimOptions, launch

    async with launch(SimOptions(state="no-cni", nodes=arguments.lab_nodes)) as running:
        arguments.yes = True  # nobody else's clusters: they are gone at the end
        ours = replace(settings, kubeconfig=running.kubeconfig, contexts=tuple(running.contexts))
        async with _walk(arguments, ours, chosen, running.control) as walk:
            yield walk


@asynccontextmanager
async def _walk(arguments: Any, settings: Settings, namespace: str, control: str) -> AsyncIterator[Walk]:
    async with headless.opened(settings, Scope()) as session:
        images = images_of(arguments.image)
        builder = Asking(builder_of(session, settings, control), arguments)

        async def perform(wanted: Plan) -> tuple[Outcome, ...]:
            unasked = arguments.yes or (wanted.consent is Consent.NONE and consent.somebody_there())
            return await carry_out(session, wanted, arguments, quiet=unasked and not arguments.dry_run)

        planets = tuple(arguments.planet)
        yield Walk(
            session,
            builder,
            perform,
            namespace,
            images,
            planets,
            arguments.max_time,
            arguments.patience,
            arguments.dry_run,
        )


def builder_of(session: Session, settings: Settings, control: str) -> MeshBuilder:
    """Who may build in these clusters."""
    if control:
        from meshtui.sim import Trouble

        return EmbeddedMesh(Trouble(control).stage, usual)
    if settings.state_directory is None or settings.read_only:
        return ForeignMesh()
    records = Records(settings.state_directory)
    return kind_mesh(session.mesh.clusters, lambda: records, Machine(), Screen(), SystemClock()) or ForeignMesh()


@dataclass(frozen=True, slots=True)
class Asking:
    """A builder that builds only with a person's consent."""

    builder: MeshBuilder
    arguments: Any

    def why_not(self, step: LabStep) -> str:
        """As the builder says."""
        return self.builder.why_not(step)

    async def to(self, step: LabStep) -> None:
        """Bring the mesh to that step. Raises Refused, or what the builder raises."""
        consent.demand_writing(self.arguments, "building on the lab")
        await self.builder.to(step)

    def commands(self, step: LabStep) -> tuple[str, ...]:
        """As the builder says."""
        return self.builder.commands(step)
