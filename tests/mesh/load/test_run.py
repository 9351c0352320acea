"""Load tests from the embedded mesh's x-wing: who answers, and what is said when nobody can."""

from __future__ import annotations

from contextlib import aclosing

from meshtui.core.errors import Exit
from meshtui.core.health.model import Source, Verdict
from meshtui.core.load.spec import Answer, LoadEnded, LoadSpec, LoadStarted, Request
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from tests.mesh.conftest import Lab, NewLab

KEY = "default/rebel-base"
SPEC = LoadSpec("http://rebel-base/", context="koornacht")


async def run(session: Session, spec: LoadSpec) -> tuple[list[Request], LoadEnded, LoadStarted | None]:
    started: LoadStarted | None = None
    requests: list[Request] = []
    ended: LoadEnded | None = None
    async for event in session.load(spec):
        assert ended is None
        if isinstance(event, LoadStarted):
            started = event
        elif isinstance(event, Request):
            requests.append(event)
        else:
            ended = event
    assert ended is not None
    return requests, ended, started


async def test_ten_requests_answered_at_home_then_by_both(lab: Lab) -> None:
    async with lab.session() as session:
        requests, ended, started = await run(session, SPEC)
        assert started is not None
        assert started.pod.startswith("x-wing-")
        assert (ended.problem, [request.number for request in requests]) == ("", list(range(1, 11)))
        assert {request.cluster for request in requests} == {"koornacht"}
        assert {(request.answer, request.status, request.attribution) for request in requests} == {
            (Answer.ANSWERED, 200, "body")
        }
        assert all(request.local_port and request.remote.endswith(":80") for request in requests)
        await session.perform(session.plan_toggle([("koornacht", KEY), ("tion", KEY)], "global"))
        requests, ended, _ = await run(session, LoadSpec("rebel-base", context="koornacht", count=30, concurrency=3))
        assert ended.problem == ""
        assert {request.cluster for request in requests} == {"koornacht", "tion"}


async def test_what_a_run_came_to_is_evidence_where_nobody_reads_flows(new_lab: NewLab) -> None:
    async with new_lab(state="global") as lab, lab.session(scope=Scope(flows=False, status=False)) as session:
        assert session.judging.now().service(KEY).verdict is Verdict.UNKNOWN
        requests, _, _ = await run(session, LoadSpec("rebel-base", context="koornacht", count=30, concurrency=3))
        judged = session.judging.now()
        answered = sum(request.answer is Answer.ANSWERED for request in requests)
        (said,) = judged.service(KEY).observations
        assert said.source is Source.LOAD
        assert said.text.startswith(f"load test from koornacht: {answered} of 30 answered (koornacht ")
        there = sum(request.cluster == "tion" for request in requests)
        link = judged.link("koornacht", "tion")
        told = [each.text for each in link.observations if each.source is Source.LOAD]
        assert told == [f"{there} requests of a load test answered by tion"]


async def test_a_default_deny_times_out(new_lab: NewLab) -> None:
    async with new_lab(state="default-deny") as lab, lab.session() as session:
        spec = LoadSpec("http://rebel-base/", context="tion", count=3, concurrency=3, max_time=0.3)
        requests, ended, _ = await run(session, spec)
        assert ended.problem == ""
        assert [request.answer for request in requests] == [Answer.TIMED_OUT] * 3


async def test_a_client_that_is_not_there(lab: Lab) -> None:
    async with lab.session() as session:
        for spec, words in (
            (LoadSpec("rebel-base", context="koornacht", workload="y-wing"), "is called that (default/y-wing)"),
            (LoadSpec("rebel-base", context="koornacht", workload="pod/y-wing"), "no pod/y-wing"),
            (LoadSpec("rebel-base", context="hoth"), "no context 'hoth'"),
            (LoadSpec("gopher://x", context="koornacht"), "not an http"),
        ):
            requests, ended, started = await run(session, spec)
            assert not requests
            assert started is None
            assert words in ended.problem
            assert ended.hint


async def test_exec_refused_is_a_sentence(lab: Lab) -> None:
    async with lab.session() as session:
        await lab.fault("forbid", cluster="koornacht", resource="pods/exec")
        _, ended, _ = await run(session, SPEC)
        assert "cannot run a command in pod default/x-wing" in ended.problem
        assert "can-i" in ended.hint
        assert ended.exit_code is Exit.REFUSED


async def test_closing_a_run_stops_it(lab: Lab) -> None:
    async with lab.session() as session:
        async with aclosing(session.load(LoadSpec("rebel-base", context="koornacht", count=0, rate=20))) as events:
            async for event in events:
                if isinstance(event, Request):
                    break
        requests, ended, _ = await run(session, SPEC)
        assert (len(requests), ended.problem) == (10, "")
