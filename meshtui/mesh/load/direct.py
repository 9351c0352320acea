"""The load test from this machine: httpx against an URL such as an ingress or a NodePort, a connection per request."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field

import httpx
from msgspec.structs import replace

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError
from meshtui.core.load.parse import cluster_name, named_in_body
from meshtui.core.load.script import BODY_LIMIT, check
from meshtui.core.load.spec import Answer, LoadEnded, LoadEvent, LoadSpec, LoadStarted, Request
from meshtui.core.text import clean

_WORKERS_MOST = 200


@dataclass
class _Pace:
    """Hands out request numbers, each when it is due."""

    spec: LoadSpec
    clock: Clock
    started: float = field(init=False)
    taken: int = 0

    def __post_init__(self) -> None:
        self.started = self.clock.monotonic()

    async def next(self) -> int:
        """The next request's number once it is due; 0 when all are made."""
        if self.spec.total and self.taken >= self.spec.total:
            return 0
        self.taken += 1
        number = self.taken
        if self.spec.rate:
            due = self.started + (number - 1) / self.spec.rate
            await asyncio.sleep(max(0.0, due - self.clock.monotonic()))
        return number


async def run_direct(spec: LoadSpec, clock: Clock) -> AsyncGenerator[LoadEvent, None]:
    """The events of `mesh.load.run_load`, from this machine. Closing it abandons what is under way."""
    try:
        check(spec)
    except MeshtuiError as error:
        yield LoadEnded(clock.now(), problem=str(error), hint=error.hint)
        return
    url = spec.url if "://" in spec.url else f"http://{spec.url}"
    plain = url.startswith("http://")
    results: asyncio.Queue[Request | None] = asyncio.Queue(maxsize=1000)
    async with httpx.AsyncClient(
        http1=not (spec.http2 and plain),  # without TLS nothing negotiates: HTTP/2 is spoken at once, or never
        http2=spec.http2,
        verify=not spec.insecure,
        trust_env=False,
        follow_redirects=False,
        timeout=spec.max_time,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
    ) as client:
        pace = _Pace(replace(spec, url=url), clock)
        yield LoadStarted(spec, "", clock.now())
        workers = asyncio.create_task(_workers(client, pace, results))
        try:
            while (request := await results.get()) is not None:
                yield request
        finally:
            workers.cancel()
            await asyncio.gather(workers, return_exceptions=True)
    yield LoadEnded(clock.now())


async def _workers(client: httpx.AsyncClient, pace: _Pace, results: asyncio.Queue[Request | None]) -> None:
    spec = pace.spec
    wanted = round(spec.rate * spec.max_time) + 1 if spec.rate else spec.concurrency
    async with asyncio.TaskGroup() as group:
        for _ in range(min(wanted, spec.total or wanted, _WORKERS_MOST)):
            group.create_task(_work(client, pace, results))
    await results.put(None)


async def _work(client: httpx.AsyncClient, pace: _Pace, results: asyncio.Queue[Request | None]) -> None:
    while number := await pace.next():
        await results.put(await _one(client, pace.spec, number, pace.clock))


async def _one(client: httpx.AsyncClient, spec: LoadSpec, number: int, clock: Clock) -> Request:
    """One request; every way it can end is a result."""
    begun = clock.monotonic()
    blank = Request(number, 0.0, Answer.FAILED, 0, 0, 0.0)
    try:
        async with asyncio.timeout(spec.max_time):
            blank = await _exchange(client, spec, blank)
    except TimeoutError:
        blank = replace(blank, answer=Answer.TIMED_OUT, story=f"no answer within {spec.max_time:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError, ValueError) as error:
        blank = replace(blank, answer=_kind(error), story=_words(error))
    return replace(blank, at=clock.now(), seconds=clock.monotonic() - begun)


async def _exchange(client: httpx.AsyncClient, spec: LoadSpec, blank: Request) -> Request:
    headers = {"User-Agent": "meshtui", **spec.headers}
    content = spec.body.encode() if spec.body else None
    async with client.stream(spec.method, spec.url, headers=headers, content=content) as response:
        # The connection is closed with the last byte: its ends can be told before that only.
        stream = response.extensions.get("network_stream")
        mine = stream.get_extra_info("client_addr") if stream is not None else None
        peer = stream.get_extra_info("server_addr") if stream is not None else None
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk[: max(0, BODY_LIMIT - len(body))]
        kept = bytes(body)
        named = response.headers.get(spec.cluster_header, "") if spec.cluster_header else ""
        how = "header" if named else ""
        if not named and (named := named_in_body(kept, spec.cluster_field)):
            how = "body"
        return replace(
            blank,
            answer=Answer.ANSWERED,
            status=response.status_code,
            body=kept.decode("utf-8", "replace"),
            cluster=cluster_name(named) if named else "",
            attribution=how,
            local_ip=str(mine[0]) if mine else "",
            local_port=int(mine[1]) if mine else 0,
            remote=f"{peer[0]}:{peer[1]}" if peer else "",
        )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came from."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__


def _kind(error: BaseException) -> Answer:
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return Answer.DNS_FAILED
        if isinstance(cause, ConnectionRefusedError):
            return Answer.REFUSED
        if isinstance(cause, ConnectionResetError | BrokenPipeError):
            return Answer.RESET
        if isinstance(cause, ssl.SSLError):
            return Answer.FAILED
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return Answer.RESET
    return Answer.FAILED


def _words(error: BaseException) -> str:
    """The deepest cause that says something."""
    told = [str(cause).strip() for cause in _causes(error)]
    return clean(next((words for words in reversed(told) if words), type(error).__name__), 300)
