"""Every recorded step's ten curls, run again on the embedded mesh from both clusters: the same class of outcome."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from meshtui.core.load.spec import Answer, LoadEnded, LoadSpec, Request
from meshtui.mesh.session import Session
from tests.core import recorded
from tests.mesh.conftest import NewLab

TIMED_OUT = "timed out"
COUNT = 24
"""Requests per run where answers are expected: that a cluster with half of the backends gives none of them has odds
of one in sixteen million."""


def recorded_class(step: int, client: str) -> set[str]:
    """Who answered, and whether any request timed out, as curl.txt says."""
    names, timeouts = recorded.answers(step, client)
    return names | ({TIMED_OUT} if timeouts else set())


async def run(session: Session, client: str, expected: set[str]) -> set[str]:
    """The same on the embedded mesh, many at once; fewer where every one is to time out."""
    count = 6 if expected == {TIMED_OUT} else COUNT
    spec = LoadSpec("http://rebel-base/", context=client, count=count, concurrency=count, max_time=1.0)
    seen: Counter[str] = Counter()
    async for event in session.load(spec):
        if isinstance(event, Request):
            assert event.answer in (Answer.ANSWERED, Answer.TIMED_OUT), event
            seen[event.cluster if event.answer is Answer.ANSWERED else TIMED_OUT] += 1
        elif isinstance(event, LoadEnded):
            assert not event.problem
    assert seen.total() == count
    return set(seen)


@pytest.mark.parametrize("step", sorted(recorded.STEPS), ids=lambda step: recorded.STEPS[step])
async def test_the_curls_end_as_recorded(step: int, new_lab: NewLab) -> None:
    state = recorded.STEPS[step].partition("-")[2]
    expected = {client: recorded_class(step, client) for client in recorded.CLUSTERS}
    async with new_lab(state=state) as lab, lab.session() as session:
        found = await asyncio.gather(*(run(session, client, expected[client]) for client in recorded.CLUSTERS))
    assert dict(zip(recorded.CLUSTERS, found, strict=True)) == expected
