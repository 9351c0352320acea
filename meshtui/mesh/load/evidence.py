"""Hands what a load test's requests came to over as evidence, as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from meshtui.core.load.service import service_of_url
from meshtui.core.load.spec import Answer, LoadEvent, LoadSpec, Request
from meshtui.core.model.state import Mesh

Tell = Callable[[str, str, str, str, float], None]
"""Service, names of the client's and the server's cluster, what became of the request, and when."""
_NO_ANSWER = (Answer.TIMED_OUT, Answer.REFUSED, Answer.DNS_FAILED, Answer.RESET)


async def telling(
    events: AsyncGenerator[LoadEvent, None], mesh: Mesh, spec: LoadSpec, tell: Tell
) -> AsyncGenerator[LoadEvent, None]:
    """The same events. Requests from this machine, or to what is no Service, say nothing of the mesh."""
    service, client = service_of_url(mesh, spec), mesh.clusters.get(spec.context)
    async with aclosing(events) as stream:
        async for event in stream:
            if isinstance(event, Request) and service and client is not None:
                answered = event.answer is Answer.ANSWERED
                if answered or event.answer in _NO_ANSWER:
                    server = _cluster_of(mesh, event.cluster) if answered else ""
                    tell(service, client.name, server, event.answer.value, event.at)
            yield event


def _cluster_of(mesh: Mesh, said: str) -> str:
    """The cluster an answer names; the lab's services write it with a capital."""
    return next((c.name for c in mesh.clusters.values() if c.name.casefold() == said.casefold()), "")
