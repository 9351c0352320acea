"""Tells of each request who answered it, and of each failed one why: what Hubble saw of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from meshtui.core.flows.flow import Direction, FlowRow, Verdict
from meshtui.core.load.attribution import DNS_PORT, Attempt, Client, attempts, match
from meshtui.core.load.spec import Answer, LoadSpec, Request
from meshtui.core.model.state import Mesh
from meshtui.core.policy import Rulebook, explain_flow

Explain = Callable[[FlowRow], str]
_WAYS = {Direction.EGRESS: "leaving", Direction.INGRESS: "entering"}


def tell_all(
    requests: Sequence[Request], rows: Iterable[FlowRow], mesh: Mesh, spec: LoadSpec, pod: str
) -> list[Request]:
    """`requests` of a run from `pod`, with cluster, pod, node and story from `rows`."""
    cluster = mesh.clusters.get(spec.context)
    book = Rulebook(mesh)
    client = Client(cluster.name if cluster else "", spec.namespace, pod.rpartition("/")[2])
    return tell(requests, list(rows), client, explain=lambda row: explain_flow(mesh, row, book=book).sentence)


def tell(
    requests: Sequence[Request], rows: Sequence[FlowRow], client: Client, *, explain: Explain = lambda _: ""
) -> list[Request]:
    """`requests` with what flows say of them; `explain` says which policy decided a drop."""
    matched = match(requests, attempts(rows, client))
    dns = [row for row in rows if row.source.pod == client.pod and row.destination_port == DNS_PORT]
    return [_told(request, matched.get(request.number), client, dns, explain) for request in requests]


def _told(
    request: Request, attempt: Attempt | None, client: Client, dns: Sequence[FlowRow], explain: Explain
) -> Request:
    if request.answer is Answer.ANSWERED:
        return _answered(request, attempt)
    if request.answer is Answer.DNS_FAILED:
        return replace(request, story=_dns_story(request, dns, explain))
    seen = "flows" if attempt is not None and attempt.rows else request.attribution
    if request.answer is Answer.REFUSED:
        return replace(request, story=_refusal(request, attempt), attribution=seen)
    return replace(request, story=_silence(request, attempt, client, explain), attribution=seen)


def _answered(request: Request, attempt: Attempt | None) -> Request:
    """The pod and node from flows; the cluster too unless the answer named it."""
    if attempt is None:
        return request
    peer = next((row.destination for row in attempt.rows if row.destination.pod), None)
    if peer is None:
        return request
    arrived = [row for row in attempt.rows if row.node.partition("/")[0] == peer.cluster]
    node = next((row.node for row in arrived if row.event_type == 4), "")
    return replace(
        request,
        cluster=request.cluster or peer.cluster,
        pod=peer.pod,
        node=node.partition("/")[2],
        attribution=request.attribution or "flows",
    )


def _name(row: FlowRow) -> str:
    peer = row.destination
    return f"{peer.cluster}/{peer.pod}" if peer.pod else row.destination_ip


def _silence(request: Request, attempt: Attempt | None, client: Client, explain: Explain) -> str:
    if attempt is None or not attempt.rows:
        return "no flow of it was seen" + (f" ({request.story})" if request.story else "")
    drop = attempt.drop
    if drop is not None:
        return _drop_story(drop, explain)
    first = attempt.rows[0]
    if attempt.replies:
        return f"{_name(first)} accepted the connection and did not answer in time"
    across = "across " if first.destination.cluster and first.destination.cluster != client.cluster else ""
    return f"SYN sent {across}to {_name(first)}, never answered"


def _drop_story(drop: FlowRow, explain: Explain) -> str:
    """`dropped leaving koornacht for tion/rebel-base-…: …`, with the cluster whose node dropped it."""
    where = drop.node.partition("/")[0]
    way = _WAYS.get(Direction(drop.direction), "at") if drop.direction in (1, 2) else "at"
    onward = f" for {_name(drop)}" if way == "leaving" else f" from {drop.source.cluster or drop.source_ip}"
    why = explain(drop)
    return f"dropped {way} {where}{onward}" + (f": {why}" if why else "")


def _dns_story(request: Request, dns: Sequence[FlowRow], explain: Explain) -> str:
    near = [row for row in dns if not request.at or abs(row.time_ns / 1e9 - request.at) < request.seconds + 5]
    drop = next((row for row in near if row.verdict == Verdict.DROPPED), None)
    if drop is not None:
        return f"its question to DNS was {_drop_story(drop, explain)}"
    return request.story or "the name could not be resolved"


def _refusal(request: Request, attempt: Attempt | None) -> str:
    if attempt is None or not attempt.rows:
        return "refused at once: the service has no backend, or not that port"
    if any("RST" in row.flags for row in attempt.replies):
        return f"{_name(attempt.rows[0])} refused: nothing listens there"
    return request.story or f"{_name(attempt.rows[0])} refused"
