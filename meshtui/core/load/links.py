"""Links both ways between a run's requests and the flows of their connections."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.flows.flow import FlowRow
from meshtui.core.load.attribution import DNS_PORT, Attempt, Client, attempts, match
from meshtui.core.load.run import Run
from meshtui.core.load.spec import Answer, Request


def client_of(run: Run) -> Client:
    """The pod a run's requests came from."""
    return Client(run.cluster, run.spec.namespace, run.pod.rpartition("/")[2])


def flows_of(run: Run, request: Request, rows: Sequence[FlowRow]) -> list[FlowRow]:
    """The flows of one request's connection, oldest first; for a name that was not resolved, its questions to DNS."""
    client = client_of(run)
    if request.answer is Answer.DNS_FAILED:
        start, end = request.at - request.seconds - 1, request.at + 1
        return [row for row in rows if _asks_dns(row, client) and start <= row.time_ns / 1e9 <= end]
    found = match(run.requests, attempts(rows, client)).get(request.number)
    return _in_order(found) if found else []


def request_of(run: Run, row: FlowRow, rows: Sequence[FlowRow]) -> Request | None:
    """The request a flow belongs to, if it is one of the run's."""
    matched = match(run.requests, attempts(rows, client_of(run)))
    for request in run.requests:
        attempt = matched.get(request.number)
        if attempt is not None and any(other.uuid == row.uuid for other in (*attempt.rows, *attempt.replies)):
            return request
    return None


def _asks_dns(row: FlowRow, client: Client) -> bool:
    return DNS_PORT in (row.destination_port, row.source_port) and client.pod in (row.source.pod, row.destination.pod)


def _in_order(attempt: Attempt) -> list[FlowRow]:
    return sorted((*attempt.rows, *attempt.replies), key=lambda row: row.time_ns)
