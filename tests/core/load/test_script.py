"""The load script in a real POSIX shell with the real curl, against a server on this machine, and its parser."""

import asyncio
import contextlib
import os
import shutil
import signal

import pytest
from msgspec.structs import replace

from meshtui.core.errors import UsageError
from meshtui.core.load import Parser, script, summarise
from meshtui.core.load.spec import Answer, LoadSpec
from tests.waiting import until

needs_tools = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sh")), reason="needs sh and curl")


@contextlib.asynccontextmanager
async def serving(body: bytes, status: str = "200 OK", headers: str = ""):
    """A bare HTTP server that answers everything with `body`; yields its URL and what it was sent."""
    seen: list[bytes] = []

    async def answer(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", seen


async def begin(spec, path=None):
    """The script as the API server would start it: its own session, standard input open."""
    environment = {**os.environ, **({"PATH": path} if path else {})}
    return await asyncio.create_subprocess_exec(
        *script(spec), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True, env=environment,
    )  # fmt: skip


async def finish(process, spec):
    parser = Parser(spec)
    requests = []
    while data := await process.stdout.read(1000):
        requests += parser.feed(data, at=1.0)
    errors = await process.stderr.read()
    await process.wait()
    process.stdin.close()
    return parser, requests, errors


@needs_tools
async def test_ten_requests_of_one_exec():
    async with serving(b'{"Cluster": "Koornacht"}\n') as (url, seen):
        spec = LoadSpec(url, count=10, boundary="mtabc")
        parser, requests, errors = await finish(await begin(spec), spec)
    assert (parser.client, parser.complete, errors) == ("curl", True, b"")
    assert [request.number for request in requests] == list(range(1, 11))
    assert {request.cluster for request in requests} == {"koornacht"}
    assert {(r.answer, r.status, r.attribution) for r in requests} == {(Answer.ANSWERED, 200, "body")}
    assert all(request.local_port and 0 < request.seconds < 2 for request in requests)
    assert len(seen) == 10


@needs_tools
@pytest.mark.parametrize(
    "body",
    [b"no newline", b"\x1b[31mred\x07\r\n", b"\x00\x01\xff\xfe" * 400, b"x" * 10_000_000, b"", b"mtabcw1|mtabd."],
)
async def test_bodies_of_every_kind(body):
    async with serving(body) as (url, _):
        spec = LoadSpec(url, count=4, concurrency=2, boundary="mtabc")
        parser, requests, _ = await finish(await begin(spec), spec)
    assert parser.complete
    assert sorted(request.number for request in requests) == [1, 2, 3, 4]
    assert {request.answer for request in requests} == {Answer.ANSWERED}
    kept = body.replace(b"\0", b"").decode("utf-8", "replace")
    for request in requests:
        assert len(request.body) <= 2048
        assert request.body.rstrip("\n") == kept[: len(request.body)].rstrip("\n")
    assert all(len(request.body) > 1000 for request in requests) or len(body) < 10_000


@needs_tools
async def test_nothing_a_person_typed_is_run_by_the_shell(tmp_path):
    witness = tmp_path / "witness"
    evil = f"'; touch {witness}; echo \"$(touch {witness})`touch {witness}`"
    async with serving(b"ok") as (url, seen):
        spec = LoadSpec(url + "a'b", count=1, method="POST", headers={"X-Evil": evil}, body="@" + evil)
        _, requests, _ = await finish(await begin(spec), spec)
    assert requests[0].answer is Answer.ANSWERED
    assert evil.encode() in seen[0]
    assert not witness.exists()


@needs_tools
async def test_failures_are_told_apart():
    async with serving(b"") as (url, _):
        pass
    cases = {
        url: Answer.REFUSED,
        "http://no-such-name.invalid/": Answer.DNS_FAILED,
    }
    for target, answer in cases.items():
        spec = LoadSpec(target, count=1)
        _, requests, _ = await finish(await begin(spec), spec)
        assert (requests[0].answer, requests[0].status) == (answer, 0)
        assert requests[0].story


@needs_tools
async def test_silence_is_a_timeout():
    async def hold(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        spec = LoadSpec(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", count=3, concurrency=3, max_time=0.2)
        _, requests, _ = await finish(await begin(spec), spec)
    assert [request.answer for request in requests] == [Answer.TIMED_OUT] * 3
    assert summarise(requests).timeouts == 3


@needs_tools
@pytest.mark.parametrize("how", ["end of input", "terminate"])
async def test_stopping_leaves_no_process(how):
    async with serving(b"ok") as (url, _):
        spec = LoadSpec(url, count=0, rate=20, max_time=5)
        process = await begin(spec)
        parser = Parser(spec)
        requests = []
        while len(requests) < 3:
            requests += parser.feed(await process.stdout.read(1000))
        if how == "terminate":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        await until(lambda: not group_members(process.pid))
        await process.wait()
        await process.stdout.read()
        await process.stderr.read()


def group_members(leader):
    """Processes of a group that are not zombies."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/stat") as file:
                state, _, group = file.read().rpartition(") ")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found.append(int(name))
    return found


@needs_tools
async def test_steady_mode_keeps_its_pace():
    async with serving(b"ok") as (url, seen):
        spec = LoadSpec(url, count=6, rate=20, max_time=1)
        started = asyncio.get_running_loop().time()
        parser, requests, _ = await finish(await begin(spec), spec)
        took = asyncio.get_running_loop().time() - started
    assert parser.complete
    assert sorted(request.number for request in requests) == [1, 2, 3, 4, 5, 6]
    assert took > 0.2  # five intervals of 50 ms, in the kernel's 10 ms steps: never faster than asked
    assert len(seen) == 6


def toolbox(folder, *tools):
    for tool in ("sh", "cat", "head", "grep", "sleep", *tools):
        (folder / tool).symlink_to(shutil.which(tool))
    return str(folder)


@needs_tools
async def test_without_curl_wget_serves(tmp_path):
    if shutil.which("wget") is None:
        pytest.skip("needs wget")
    async with serving(b'{"Cluster": "Tion"}') as (url, _):
        spec = LoadSpec(url, count=2)
        parser, requests, _ = await finish(await begin(spec, toolbox(tmp_path, "wget")), spec)
    assert parser.client == "wget"
    assert [(r.answer, r.cluster, r.status) for r in requests] == [(Answer.ANSWERED, "tion", 200)] * 2


@needs_tools
async def test_without_either_it_says_so(tmp_path):
    spec = LoadSpec("http://127.0.0.1:1", count=2)
    process = await begin(spec, toolbox(tmp_path))
    parser, requests, _ = await finish(process, spec)
    assert (requests, process.returncode) == ([], 127)
    assert "neither curl nor wget" in parser.problem
    assert parser.hint


@needs_tools
async def test_a_header_names_who_answered():
    async with serving(b"body", headers="X-Cluster: Tion\r\n") as (url, _):
        spec = LoadSpec(url, count=1, cluster_header="x-cluster")
        _, [request], _ = await finish(await begin(spec), spec)
    assert (request.cluster, request.attribution, request.body) == ("tion", "header", "body")


@pytest.mark.parametrize(
    "change",
    [
        {"url": "file:///etc/passwd"},
        {"url": "-o /etc/x"},
        {"max_time": 0},
        {"concurrency": 0},
        {"rate": 51},
        {"rate": 50, "max_time": 60},
        {"method": "GET /"},
        {"headers": {"A": "b\r\nC: d"}},
        {"count": -1},
    ],
)
def test_specs_that_make_no_sense_are_refused(change):
    with pytest.raises(UsageError):
        script(replace(LoadSpec("rebel-base"), **change))
