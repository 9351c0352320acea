"""Load tests through trouble on the embedded mesh: each ends with a clear result, and nothing is left running."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from meshtui.core.load.run import Run, new_run
from meshtui.core.load.spec import Answer, LoadSpec
from meshtui.core.model.objects import Object
from meshtui.core.model.resources import DEPLOYMENTS, PODS, Resource
from meshtui.mesh.load.runs import Batch
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from tests.mesh.conftest import Lab, NewLab
from tests.mesh.waiting import until
from tests.waiting import GUARD

KEY = "default/rebel-base"
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", True, Object)
ENDLESS = LoadSpec("http://rebel-base/", context="koornacht", count=0, rate=20, max_time=1)


@asynccontextmanager
async def running(session: Session, spec: LoadSpec, enough: int = 5):
    """A batch under way that has brought `enough` requests; it has ended when the block is left."""
    run = new_run(session.mesh, spec)
    came = asyncio.Event()
    batch = Batch(session, [run], came.set)
    work = asyncio.create_task(batch.carry_out())

    async def wait_for(count: int) -> None:
        async with asyncio.timeout(GUARD):
            while run.tally.total < count and run.running:
                came.clear()
                await came.wait()

    await wait_for(enough)
    try:
        yield run, wait_for
    finally:
        batch.stop()
        async with asyncio.timeout(GUARD):
            await work
    assert not run.running


async def client(session: Session, name: str, image: str, context: str = "koornacht") -> LoadSpec:
    """A Deployment of another image to run from, once it is ready."""
    labels = {"name": name}
    await session.api(context).create(
        DEPLOYMENTS,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}},
            },
        },
    )

    def ready() -> bool:
        from meshtui.core.load.origins import origins

        return any(origin.workload == name for origin in origins(session.mesh))

    await until(session, ready)
    return LoadSpec("http://rebel-base/", context=context, workload=name, count=3)


async def carried_out(session: Session, spec: LoadSpec) -> Run:
    run = new_run(session.mesh, spec)
    async with asyncio.timeout(GUARD):
        await Batch(session, [run], lambda: None).carry_out()
    return run


async def test_a_pod_deleted_mid_run_ends_it_with_its_reason(lab: Lab) -> None:
    async with lab.session() as session:
        async with running(session, ENDLESS) as (run, wait_for):
            await session.api("koornacht").delete(PODS, run.pod.rpartition("/")[2], "default")
            await wait_for(10_000)
        assert run.requests
        assert "container was stopped, after" in run.problem
        assert run.hint
        again = await carried_out(session, LoadSpec("http://rebel-base/", context="koornacht"))
        assert (again.problem, again.summary.answered) == ("", 10)
        assert again.pod != run.pod


async def test_an_api_server_that_goes_away_mid_run_is_told(lab: Lab) -> None:
    """Takes 5 s and more: a connection that falls silent is given up after the 4 s that a request may take."""
    async with lab.session(request_timeout=4.0) as session:
        async with running(session, ENDLESS) as (run, wait_for):
            await lab.fault("api-down", cluster="koornacht")
            await wait_for(10_000)
        assert "connection to the client pod broke" in run.problem
        assert run.summary.answered >= 5
        assert run.hint
        await lab.heal()
        await until(session, lambda: session.mesh.clusters["koornacht"].api.phase.value == "live")
        again = await carried_out(session, LoadSpec("http://rebel-base/", context="koornacht"))
        assert again.summary.answered == 10


async def test_clients_without_curl_or_without_a_shell(lab: Lab) -> None:
    async with lab.session() as session:
        run = await carried_out(session, await client(session, "wgetter", "busybox:1.36"))
        assert (run.problem, run.summary.answered) == ("", 3)
        assert {request.cluster for request in run.requests} == {"koornacht"}
        run = await carried_out(session, await client(session, "bare", "debian:12"))
        assert "neither curl nor wget" in run.problem
        assert "x-wing" in run.hint
        run = await carried_out(session, await client(session, "static", "registry.k8s.io/pause:3.10"))
        assert "no sh" in run.problem
        assert run.hint
        pod = next(key for key in session.mesh.clusters["koornacht"].pods if "static" in key)
        tools = await session.tools("koornacht", *pod.split("/"))
        assert (tools.usable, tools.why) == (False, "no shell")
        pod = next(key for key in session.mesh.clusters["koornacht"].pods if "x-wing" in key)
        assert (await session.tools("koornacht", *pod.split("/"))).curl
        assert "no context" in (await session.tools("hoth", "default", "x")).why


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"Cluster": "Hoth", "x": "\x1b[2J\x07"}', "hoth"),
        ("no newline", ""),
        ('{"Cluster": "Hoth", "x": "' + "y" * 1_000_000 + '"}', "hoth"),
        ("\x01\x02\x7f\x80\xff\ufffe\r\n" * 100, ""),
    ],
    ids=["control characters", "no newline", "the largest a ConfigMap holds", "binary"],
)
async def test_bodies_of_every_kind(lab: Lab, body: str, kept: str) -> None:
    async with lab.session() as session:
        api = session.api("koornacht")
        maps, _ = await api.list_all(CONFIGMAPS, "default")
        name = next(one.name for one in maps.values() if "rebel-base" in one.name)
        raw = await api.get_raw(f"/api/v1/namespaces/default/configmaps/{name}")
        key = next(k for k, v in raw["data"].items() if "Cluster" in v)
        await api.patch(CONFIGMAPS, name, "default", {"data": {key: body}})
        run = await carried_out(session, LoadSpec("http://rebel-base/", context="koornacht", count=3))
    assert run.problem == ""
    assert [request.answer for request in run.requests] == [Answer.ANSWERED] * 3
    assert {request.cluster for request in run.requests} == {kept}
    assert all(0 < len(request.body.encode()) <= 4096 for request in run.requests)


async def test_a_stopped_run_keeps_what_came_back_and_is_written_down(lab: Lab) -> None:
    async with lab.session() as session:
        async with running(session, ENDLESS) as (run, _):
            pass
        assert run.cancelled
        assert run.problem == ""
        (kept,) = session.runs.read()
        assert kept["cancelled"]
        assert kept["summary"]["total"] == run.summary.total >= 5
        assert kept["state"]["koornacht ready"] == "2/2"
        path = session.runs.path
        assert path is not None
        assert path.stat().st_mode & 0o777 == 0o600


async def test_steady_requests_measure_the_gap_that_was_made(new_lab: NewLab) -> None:
    """Takes some seconds: the gap that is measured is a second at least, and requests wait for their own time-out."""
    async with new_lab(state="failover-local-0") as lab, lab.session() as session:
        loop = asyncio.get_running_loop()
        async with running(session, ENDLESS, 20) as (run, wait_for):
            cut = loop.time()
            await lab.fault("link-cut")
            held = loop.time()
            await wait_for(run.tally.total + 20)  # silence for a second at least: none is answered meanwhile
            healing = loop.time()
            await lab.heal()
            healed = loop.time()
            answered = run.summary.answered
            async with asyncio.timeout(GUARD):
                while run.summary.answered < answered + 10:
                    await wait_for(run.tally.total + 1)
        summary = run.summary
    assert summary.timeouts
    # The last answer came up to a beat before the cut, the first one up to a beat after; what both took is added.
    assert summary.gap >= healing - held
    slack = 2 / ENDLESS.rate + 2 * summary.latency.max + ENDLESS.max_time
    assert summary.gap <= healed - cut + slack


async def test_a_failover_moves_at_the_second_it_was_made(new_lab: NewLab) -> None:
    async with new_lab(state="affinity-local") as lab, lab.session() as session:
        async with running(session, ENDLESS, 20) as (run, wait_for):
            assert set(run.summary.by_cluster) == {"koornacht"}
            scaled = session.clock.now()
            await session.perform(session.plan_scale("koornacht", "default", "rebel-base", 0), confirmed=True)
            async with asyncio.timeout(GUARD):
                while run.summary.by_cluster.get("tion", 0) < 10:
                    await wait_for(run.tally.total + 1)
        moves = {move.cluster: move for move in run.tally.moves.found}
    assert run.verdict is not None, "what was foretold at the beginning was overtaken"
    assert run.verdict.text.startswith("not compared, it changed during the run: koornacht re")
    assert not moves["koornacht"].began
    assert moves["tion"].began
    assert moves["tion"].at > scaled - 1
    first = next(second for second in run.tally.timeline if second.by_cluster["tion"])
    assert first.at == int(moves["tion"].at)


async def test_both_clusters_side_by_side_with_stories_from_flows(new_lab: NewLab) -> None:
    async with (
        new_lab(state="default-deny", relays=True) as lab,
        lab.session(scope=Scope()) as session,
    ):
        specs = [LoadSpec("http://rebel-base/", context=name, count=3, concurrency=3, max_time=0.5)
                 for name in ("koornacht", "tion")]  # fmt: skip
        runs = [new_run(session.mesh, spec) for spec in specs]
        batch = Batch(session, runs, lambda: None)
        await batch.carry_out()
        for run in runs:
            assert run.summary.timeouts == 3
            for request in run.requests:
                assert request.story.startswith(f"dropped leaving {run.cluster} for ")
                assert "default-deny" in request.story
        assert len(session.runs.read()) == 2


async def test_steady_requests_get_their_stories_while_they_go_on(new_lab: NewLab) -> None:
    async with (
        new_lab(state="default-deny", relays=True) as lab,
        lab.session(scope=Scope()) as session,
        running(session, replace(ENDLESS, max_time=0.5)) as (run, wait_for),
    ):
        async with asyncio.timeout(GUARD):
            while not any("default-deny" in request.story for request in run.requests):
                await wait_for(run.tally.total + 1)
        assert run.running


async def test_nothing_runs_in_the_pod_after_a_stop(new_lab: NewLab) -> None:
    """Takes some seconds: what would come of the stopped run has to have had the time to come."""
    async with new_lab(relays=True) as lab, lab.session(scope=Scope(status=False)) as session:
        async with running(session, ENDLESS) as (run, _):
            pass
        stopped = session.clock.now()
        # Another run's flows come after whatever the first one's would: once they are here, look for others.
        other = await carried_out(session, LoadSpec("http://rebel-base/", context="koornacht", count=20, rate=20))
        assert all(request.pod for request in other.requests)
        ports = {request.local_port for request in other.requests}
        mine = run.pod.rpartition("/")[2]
        later = {
            row.source_port
            for row in session.flows
            if row.source.pod == mine and row.destination_port == 80 and row.time_ns / 1e9 > stopped + 0.2
        }
        assert later
        assert later <= ports
