"""Carries load tests from one or several clients to their end: requests as they come, their stories, the run log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Protocol

from meshtui.core.errors import MeshtuiError
from meshtui.core.load.run import Run
from meshtui.core.load.spec import LoadEvent, LoadSpec, Request
from meshtui.mesh.load import story as loadstory
from meshtui.mesh.load.runlog import RunLog

TELL_EVERY = 1.0
"""Seconds between two looks at the flows while a run goes on."""
_AT_ONCE = 500
"""Requests looked at in one go while a run goes on."""


class LoadPort(loadstory.FlowsOf, Protocol):
    """The part of a session this needs."""

    @property
    def runs(self) -> RunLog:
        """Load tests made before."""
        ...

    def load(self, spec: LoadSpec) -> AsyncGenerator[LoadEvent, None]:
        """Run a load test; closing it stops the run."""
        ...


class Batch:
    """Runs side by side. `changed` is called on the event loop whenever there is something new to show."""

    def __init__(self, session: LoadPort, runs: Sequence[Run], changed: Callable[[], None]) -> None:
        self.runs = tuple(runs)
        self.problem: MeshtuiError | None = None
        """Why the runs could not be kept."""
        self._session = session
        self._changed = changed
        self._receiving: list[asyncio.Task[None]] = []
        self._stopped = False

    @property
    def running(self) -> bool:
        """Whether requests are on their way."""
        return any(run.running for run in self.runs)

    def stop(self) -> None:
        """End every run; what came back stays and is still explained."""
        self._stopped = True
        for task in self._receiving:
            task.cancel()

    async def carry_out(self) -> None:
        """All runs to their end, then their stories, then the run log."""
        try:
            await asyncio.gather(*(self._one(run) for run in self.runs))
        except asyncio.CancelledError:
            self._keep_at_once()
            raise
        for run in self.runs:
            if run.requests:
                await self._keep(run)
        self._changed()

    async def _one(self, run: Run) -> None:
        receiving = asyncio.create_task(self._receive(run))
        self._receiving.append(receiving)
        if self._stopped:
            receiving.cancel()
        telling = asyncio.create_task(self._tell_along(run))
        try:
            await asyncio.wait({receiving})
        finally:
            for task in (receiving, telling):
                task.cancel()
            results = await asyncio.gather(receiving, telling, return_exceptions=True)
            run.running = False
            self._changed()
        for result in results:
            if isinstance(result, Exception):
                raise result
        run.retell(await loadstory.tell(self._session, run.spec, run.pod, run.requests))
        run.settle(self._session.mesh)
        self._changed()

    async def _receive(self, run: Run) -> None:
        try:
            async with aclosing(self._session.load(run.spec)) as events:
                async for event in events:
                    run.take(event)
                    self._changed()
        except MeshtuiError as error:
            run.problem, run.hint, run.exit_code = str(error), error.hint, error.exit_code
        except asyncio.CancelledError:
            run.cancelled = True
            raise

    async def _tell_along(self, run: Run) -> None:
        """While a run goes on: stories of requests whose flows are here by now."""
        while True:
            await asyncio.sleep(TELL_EVERY)
            # Those that are known take their connections away from the others: hand all over, keep what is new.
            latest = run.requests[-_AT_ONCE:]
            if any(map(loadstory.unknown, latest)):
                run.retell(_better(latest, loadstory.tell_now(self._session, run.spec, run.pod, latest)))
                self._changed()

    def _keep_at_once(self) -> None:
        """The program ends: what came back is kept, without the stories that flows would still have told."""
        for run in self.runs:
            if run.requests:
                with suppress(MeshtuiError):
                    self._session.runs.append(run.document())

    async def _keep(self, run: Run) -> None:
        try:
            await asyncio.to_thread(self._session.runs.append, run.document())
        except MeshtuiError as error:
            self.problem = error


def _better(before: Sequence[Request], after: Sequence[Request]) -> list[Request]:
    """What is known now and was not; "not seen yet" is not worth telling while the run goes on."""
    return [new for old, new in zip(before, after, strict=True) if new != old and not loadstory.unseen(new)]
