"""Leads through a tour: which stop, what came of its check, what is under way, and what is kept of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshtui.core.errors import MeshtuiError
from meshtui.lab.checks.checkinput import Checked
from meshtui.lab.progress import Progress, ProgressFile
from meshtui.lab.tour import Stop, Tour


class Guide:
    """One tour under way. `changed` is called whenever there is something new to show."""

    def __init__(self, tour: Tour, kept: ProgressFile, changed: Callable[[], None]) -> None:
        self.tour = tour
        self._kept = kept
        self._changed = changed
        progress = kept.read()
        names = [stop.name for stop in tour.stops]
        self.at = names.index(progress.at) if progress.at in names else 0
        self.passed = {name for name in progress.passed if name in names}
        self.found: dict[str, Checked] = {}
        """What the check of each stop said last."""
        self.busy = ""
        """What is being done; empty when nothing is."""
        self.failure: MeshtuiError | None = None
        self.answers = False
        """Whether the questions' answers are shown."""
        self.log: list[str] = []
        """The last lines of commands that run for this."""

    @property
    def stop(self) -> Stop:
        """Where we are."""
        return self.tour.stops[self.at]

    def go(self, index: int) -> None:
        """To another stop; nothing is changed in the clusters."""
        self.at = max(0, min(index, len(self.tour.stops) - 1))
        self.answers, self.failure = False, None
        self.log.clear()
        self.tour.walk.enter()
        self._keep()

    def reset(self, *, all_of_it: bool = False) -> None:
        """Forget what was passed: of this stop, or of all."""
        names = {stop.name for stop in self.tour.stops} if all_of_it else {self.stop.name}
        self.passed -= names
        for name in names:
            self.found.pop(name, None)
        if all_of_it:
            self.at = 0
        self._keep()

    async def do(self) -> None:
        """Bring the stop about and check it."""
        stop = self.stop
        await self._work(f"{self.tour.does}: {stop.text.title.lower()}", self._do, stop)

    async def _do(self, stop: Stop) -> None:
        await self.tour.take(stop)
        self.busy = "checking"
        self._changed()
        await self._judge(stop, None)

    async def check(self) -> None:
        """Check the stop as the clusters are now, whoever brought it about."""
        await self._work("checking", self._check, self.stop)

    async def _check(self, stop: Stop) -> None:
        await self._judge(stop, 0.0)

    async def back(self) -> None:
        """Undo the stop, and forget that it was passed."""
        stop = self.stop
        await self._work(f"going back from {stop.text.title.lower()}", self._back, stop)

    async def _back(self, stop: Stop) -> None:
        await self.tour.back(stop)
        self.reset()

    async def _judge(self, stop: Stop, seconds: float | None) -> None:
        found = await self.tour.check(stop, seconds)
        self.found[stop.name] = found
        if found.ok:
            self.passed.add(stop.name)
        self._keep()

    async def _work(self, words: str, act: Callable[[Stop], Awaitable[None]], stop: Stop) -> None:
        if self.busy:
            return
        self.busy, self.failure = words, None
        self._changed()
        try:
            await act(stop)
        except MeshtuiError as error:
            self.failure = error
        finally:
            self.busy = ""
            self._changed()

    def _keep(self) -> None:
        self._kept.write(Progress(self.stop.name, sorted(self.passed)))
        self._changed()
