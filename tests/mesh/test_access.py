"""What we may do, asked of an API server that does not always answer."""

from __future__ import annotations

import asyncio
import random

from meshtui.core.errors import MeshtuiError, ServerFailed
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.model.resources import Resource
from meshtui.kube.clock import SystemClock
from meshtui.mesh.pace import Pace
from meshtui.mesh.probes import Prober
from tests.waiting import GUARD

PACE = Pace(access=3600.0, first_retry=0.01, last_retry=0.02)


class Reviewer:
    """Answers every review with the next of its answers, the last one for ever."""

    context = "tion"

    def __init__(self, *answers: bool | MeshtuiError) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def allowed(self, verb: str, resource: Resource, *, subresource: str) -> bool:
        if resource.plural != "services":
            return True
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, MeshtuiError):
            raise answer
        return answer


async def test_a_review_that_fails_is_told_changes_nothing_known_and_is_asked_again_soon() -> None:
    mesh = s.Mesh({"tion": s.Cluster("tion", "T", 0)})
    cluster = mesh.clusters["tion"]
    failed = ServerFailed("tion: cannot ask", context="tion", status=503, cause="overloaded")
    told: asyncio.Queue[tuple[dict[str, str], MeshtuiError | None]] = asyncio.Queue()

    def emit(event: s.Event) -> None:
        reduce(mesh, event)
        told.put_nowait((dict(cluster.denied), cluster.access_error))

    reviewer = Reviewer(False, failed, failed, True)
    prober = Prober(reviewer, cluster, emit, PACE, random.Random(1), lambda _: None, SystemClock(), lambda: False)  # type: ignore[arg-type]
    asking = asyncio.create_task(prober.run(["access"]))
    try:
        async with asyncio.timeout(GUARD):
            refused, error = await told.get()
            assert (set(refused), error) == ({"annotate"}, None)
            prober.again()
            for _ in range(2):
                refused, error = await told.get()
                assert (set(refused), error) == ({"annotate"}, failed), "not being able to ask is no permission"
            assert await told.get() == ({}, None)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
