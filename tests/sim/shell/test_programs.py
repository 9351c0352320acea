"""Programs of simulated containers: curl's words and codes, what an image has, and that cancelling leaves nothing."""

import asyncio

import pytest

from meshtui.sim.shell import NotFoundInContainer
from tests.sim.shell.conftest import Bench, Result

LOOP = "for i in $(seq 10); do curl -s rebel-base; done"


async def test_the_labs_loop_prints_ten_answers(bench):
    ran = await bench.sh(LOOP)
    assert ran.code == 0
    assert ran.out == '{"Cluster": "Tion"}\n' * 10
    assert [request[:2] for request in bench.requests] == [("rebel-base", 80)] * 10


async def test_curl_passes_on_what_was_asked(bench):
    await bench.argv(
        "curl", "-sS", "-m", "1.5", "-X", "PUT", "-H", "X-A: b", "-d", "x=1", "http://rebel-base:8080/p/q?r=s"
    )
    [(host, port, options)] = bench.requests
    assert (host, port) == ("rebel-base", 8080)
    assert options == {"path": "/p/q?r=s", "method": "PUT", "max_time": 1.5, "headers": {"X-A": "b"}}


@pytest.mark.parametrize(
    ("result", "code", "words"),
    [
        (Result("dns"), 6, "curl: (6) Could not resolve host: rebel-base"),
        (Result("refused", seconds=0.001), 7, "curl: (7) Failed to connect to rebel-base port 80 after 1 ms"),
        (Result("timeout", seconds=2.001), 28, "curl: (28) Connection timed out after 2001 milliseconds"),
        (Result("reset"), 56, "curl: (56) Recv failure: Connection reset by peer"),
    ],
)
async def test_failures_are_curls(bench, result, code, words):
    bench.results = [result]
    ran = await bench.argv("curl", "-sS", "rebel-base")
    assert ran.code == code
    assert ran.err.startswith(words)
    bench.results = [result]
    assert (await bench.argv("curl", "-s", "rebel-base")).err == ""


async def test_fail_makes_a_status_an_exit_code(bench):
    bench.results = [Result(status=404, body=b"nope"), Result(status=404, body=b"nope")]
    ran = await bench.argv("curl", "-sSf", "rebel-base")
    assert (ran.code, ran.out) == (22, "")
    assert "returned error: 404" in ran.err
    assert (await bench.argv("curl", "-s", "rebel-base")).out == "nope"


async def test_write_out_of_answered_and_unanswered(bench):
    template = "%{http_code} %{time_total} %{local_ip}:%{local_port} %{remote_ip}:%{remote_port} %{num_connects} %%\\n"
    ran = await bench.argv("curl", "-s", "-o", "/dev/null", "-w", template, "rebel-base")
    assert ran.out == "200 0.003100 10.1.0.27:56020 172.20.1.156:80 1 %\n"
    bench.results = [Result("timeout", seconds=2.000989)]
    ran = await bench.argv("curl", "-s", "-m", "2", "-w", template, "rebel-base")
    assert ran.out == "000 2.000989 :0 :0 0 %\n"


async def test_include_and_head_show_headers(bench):
    assert (await bench.argv("curl", "-si", "x")).out.startswith(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"
    )
    ran = await bench.argv("curl", "-sI", "x")
    assert ran.out.endswith("\r\n\r\n")
    assert bench.requests[-1][2]["method"] == "HEAD"


async def test_redirects_are_followed_when_asked(bench):
    bench.results = [Result(status=302, headers={"Location": "/there"}, body=b""), Result(body=b"arrived")]
    assert (await bench.argv("curl", "-sL", "x")).out == "arrived"
    assert bench.requests[-1][2]["path"] == "/there"


async def test_misuse_of_curl_is_exit_2(bench):
    assert (await bench.argv("curl")).code == 2
    assert (await bench.argv("curl", "--no-such-option", "x")).code == 2
    assert (await bench.argv("curl", "-s", "ftp://x")).code == 1


async def test_images_have_what_they_have():
    busybox = Bench("docker.io/busybox:1.36")
    assert (await busybox.sh("command -v curl || echo none")).out == "none\n"
    assert (await busybox.sh("wget -q -O - rebel-base")).out == '{"Cluster": "Tion"}\n'
    with pytest.raises(NotFoundInContainer, match="curl"):
        await busybox.argv("curl", "x")
    with pytest.raises(NotFoundInContainer, match="sh"):
        await Bench("registry.k8s.io/coredns:1.12").sh("echo hi")
    assert (await Bench().argv("/bin/echo", "direct")).out == "direct\n"


async def test_standard_input_reaches_the_script_as_it_arrives(bench):
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def lines():
        while data := await arrived.get():
            yield data

    work = asyncio.create_task(bench.sh("while read -r x; do echo got $x; done; echo end", stdin=lines()))
    for piece in (b"o", b"ne\ntw", b"o\n", b""):
        arrived.put_nowait(piece)
    assert (await work).out == "got one\ngot two\nend\n"


@pytest.mark.parametrize(
    "script", ["sleep 60 & sleep 60 | cat", "while :; do :; done", "x=$(sleep 60)", "wait; read x"]
)
async def test_cancelling_leaves_no_process(bench, script):
    before = asyncio.all_tasks()
    never = asyncio.Event()

    async def stdin():
        await never.wait()
        yield b""

    work = asyncio.create_task(bench.sh(script, stdin=stdin()))
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) >= len(before) + 2
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert asyncio.all_tasks() == before


async def test_a_reader_that_leaves_ends_the_writer(bench):
    ran = await bench.sh("seq 1000000 | head -n 1")
    assert ran.out == "1\n"


async def test_background_requests_run_together(bench):
    both = asyncio.Barrier(2)

    async def request(*_, **__):
        await both.wait()
        return Result(body=b"x")

    bench.request = request
    assert (await bench.sh("curl -s a & curl -s b & wait")).out == "xx"
