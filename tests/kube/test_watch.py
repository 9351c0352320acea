"""A watch that lives for ever: recorded events, 410, ERROR, cuts, refusals, absent resources, several namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.core.errors import Forbidden, ServerFailed, Unreachable
from meshtui.core.model import resources as r
from meshtui.core.model.state import Changed, Event, Listed, Phase, WatchChanged
from meshtui.kube import watch
from meshtui.kube.api import Api
from meshtui.kube.watch import follow
from tests.clocks import HandClock
from tests.kube.fake import Cut, FakeApi, Hold, failure, serving
from tests.waiting import until

SERVICES = "/api/v1/services"
GLOBAL = "service.cilium.io/global"


class Naps:
    """Sleeps that end when the test says so; remembers how long each was meant to be."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.budget = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await self.budget.acquire()


class Following:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.naps = Naps()
        self.clock = HandClock()

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def phases(self) -> list[Phase]:
        return [event.phase for event in self.of(WatchChanged)]


@contextlib.asynccontextmanager
async def following(api: Api, resource: r.Resource, **options) -> AsyncIterator[Following]:
    seen = Following()
    task = asyncio.create_task(
        follow(api, resource, seen.events.append, clock=seen.clock, rng=random.Random(1), sleep=seen.naps, **options)
    )
    try:
        yield seen
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def service(name: str, version: str, namespace: str = "default", **annotations: str) -> dict:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": version, "annotations": annotations}
    return {"metadata": metadata, "spec": {}}


def event(kind: str, obj: dict) -> dict:
    return {"type": kind, "object": obj}


def bookmark(version: str) -> dict:
    return event("BOOKMARK", {"kind": "Service", "metadata": {"resourceVersion": version}})


@pytest.fixture
def services(fake: FakeApi, recordings: Path) -> dict:
    listed = json.loads((recordings / "3-deployed/koornacht/services.json").read_text())
    fake.lists[SERVICES] = listed
    return listed


async def test_recorded_annotation_changes_arrive_in_order(fake, api, services, recordings):
    lines = (recordings / "protocol/watch-services.jsonl").read_bytes().splitlines()
    gate = Hold()
    fake.watches[SERVICES] = deque([[gate, *lines, Hold()]])
    async with following(api, r.SERVICES) as seen:
        await until(lambda: Phase.LIVE in seen.phases)
        listed = seen.of(Listed)[0]
        assert len(listed.items) == len(services["items"])
        gate.until.set()
        last = json.loads(lines[-1])["object"]
        await until(lambda: seen.of(Changed) and seen.of(Changed)[-1].items["default/rebel-base"])
        newest = await until(
            lambda: next(
                (
                    c.items["default/rebel-base"]
                    for c in seen.of(Changed)
                    if c.items["default/rebel-base"].metadata.resource_version == last["metadata"]["resourceVersion"]
                ),
                None,
            )
        )
        assert newest.annotations == last["metadata"]["annotations"]
    request = fake.asked("GET", SERVICES, watch="true")[0]
    assert request.query["resourceVersion"] == services["metadata"]["resourceVersion"]
    assert request.query["allowWatchBookmarks"] == "true"
    assert 0 < int(request.query["timeoutSeconds"]) <= 300


async def test_who_lists_once_opens_no_watch_and_is_told_of_the_list(fake, api, services):
    seen = Following()
    told = follow(
        api, r.SERVICES, seen.events.append, clock=seen.clock, rng=random.Random(1), sleep=seen.naps, once=True
    )
    await asyncio.wait_for(told, 10)
    assert [len(listed.items) for listed in seen.of(Listed)] == [len(services["items"])]
    assert seen.phases == [Phase.LIVE]
    assert not fake.asked("GET", SERVICES, watch="true")


async def test_events_that_come_together_are_told_together(fake, api, services):
    gate = Hold()
    burst = b"\n".join(json.dumps(event("ADDED", service(f"s{i}", str(5000 + i)))).encode() for i in range(300))
    fake.watches[SERVICES] = deque([[gate, burst, Hold()]])
    async with following(api, r.SERVICES) as seen:
        await until(lambda: Phase.LIVE in seen.phases)
        gate.until.set()
        await until(lambda: sum(len(c.items) for c in seen.of(Changed)) == 300)
        assert len(seen.of(Changed)) < 30


async def test_deleted_is_none(fake, api, services):
    fake.watches[SERVICES] = deque([[event("DELETED", service("rebel-base", "9000")), Hold()]])
    async with following(api, r.SERVICES) as seen:
        changed = await until(lambda: seen.of(Changed))
        assert changed[0].items == {"default/rebel-base": None}


async def test_a_closed_watch_goes_on_from_the_last_bookmark_without_a_word(fake, api, services):
    fake.watches[SERVICES] = deque([[bookmark("7777")], [event("ADDED", service("late", "7778")), Hold()]])
    async with following(api, r.SERVICES) as seen:
        await until(lambda: seen.of(Changed))
        assert seen.phases == [Phase.LIVE]
        assert len(seen.of(Listed)) == 1
    assert [q.query["resourceVersion"] for q in fake.asked("GET", SERVICES, watch="true")][1] == "7777"


@pytest.mark.parametrize("name", ["watch-too-old.jsonl", "watch-endpointslices-initial-events.jsonl"])
async def test_recorded_error_events_lead_to_a_new_list(fake, api, services, recordings, name):
    line = (recordings / "protocol" / name).read_bytes()
    fake.watches[SERVICES] = deque([[line], [event("ADDED", service("late", "9999")), Hold()]])
    async with following(api, r.SERVICES) as seen:
        seen.naps.budget.release()
        await until(lambda: seen.of(Changed))
        assert len(seen.of(Listed)) == 2
        assert seen.phases[-1] is Phase.LIVE


async def test_410_as_status_leads_to_a_new_list(fake, api, services):
    fake.refuse(f"GET {SERVICES}", (0, b""), (410, failure(410, "Expired", "too old resource version")), (0, b""))
    async with following(api, r.SERVICES) as seen:
        await until(lambda: len(seen.of(Listed)) == 2)
        assert not seen.naps.taken


async def test_events_that_cannot_be_read_are_passed_over(fake, api, services):
    garbage = [b"not json", b'{"type":"MODIFIED"}', event("MODIFIED", {"metadata": {"name": 5}}), b"[]", b'"x"']
    odd = event("MODIFIED", {"metadata": {"name": "odd", "resourceVersion": "6"}, "spec": {"ports": 7}})
    fake.watches[SERVICES] = deque([[*garbage, odd, event("ADDED", service("good", "7")), Hold()]])
    async with following(api, r.SERVICES) as seen:
        changed = await until(lambda: [c for c in seen.of(Changed) if "default/good" in c.items])
        assert "odd" not in changed[0].items
        assert seen.phases == [Phase.LIVE]


async def test_forbidden_is_failed_with_a_hint_and_asked_again_slowly(fake, api):
    fake.refuse("GET /api/v1/nodes", (403, failure(403, "Forbidden", "nodes is forbidden")), (0, b""))
    fake.lists["/api/v1/nodes"] = {"metadata": {"resourceVersion": "1"}, "items": []}
    async with following(api, r.NODES) as seen:
        await until(lambda: seen.naps.taken)
        error = seen.of(WatchChanged)[0].error
        assert isinstance(error, Forbidden)
        assert "auth can-i list nodes" in error.hint
        assert seen.phases == [Phase.FAILED]
        assert 45 < seen.naps.taken[0] <= 60
        seen.naps.budget.release()
        await until(lambda: seen.of(Listed))
        assert seen.phases == [Phase.FAILED, Phase.LIVE]


async def test_a_crd_that_is_not_installed_is_absent_until_it_is(fake, api):
    async with following(api, r.CNPS) as seen:
        await until(lambda: seen.naps.taken)
        assert seen.phases == [Phase.ABSENT]
        fake.lists[r.CNPS.path()] = {"metadata": {"resourceVersion": "1"}, "items": []}
        seen.naps.budget.release()
        await until(lambda: Phase.LIVE in seen.phases)


async def test_a_server_that_goes_away_is_stale_and_backs_off_with_jitter(tmp_path, services_list):
    fake = FakeApi()
    fake.lists[SERVICES] = services_list
    cut = Hold()
    fake.watches[SERVICES] = deque([[cut, Cut()]])
    async with contextlib.AsyncExitStack() as stack:
        server = contextlib.AsyncExitStack()
        await server.enter_async_context(serving(fake))
        path = fake.kubeconfig(tmp_path)
        api = await stack.enter_async_context(await Api.connect("k", path, {}, request_timeout=2))
        seen = await stack.enter_async_context(following(api, r.SERVICES))
        await until(lambda: Phase.LIVE in seen.phases)
        seen.clock.time += 10
        await server.aclose()
        await until(lambda: Phase.STALE in seen.phases)
        assert isinstance(seen.of(WatchChanged)[-1].error, Unreachable)
        for _ in range(8):
            count = len(seen.naps.taken)
            seen.naps.budget.release()
            await until(lambda count=count: len(seen.naps.taken) > count)
        limits = [min(30.0, 0.5 * 2**i) for i in range(len(seen.naps.taken))]
        assert len(set(seen.naps.taken)) == len(seen.naps.taken)
        assert all(limit / 4 <= nap <= limit for nap, limit in zip(seen.naps.taken, limits, strict=True))
        assert (seen.phases[0], set(seen.phases[1:])) == (Phase.LIVE, {Phase.STALE})


@pytest.fixture
def services_list(recordings: Path) -> dict:
    return json.loads((recordings / "3-deployed/koornacht/services.json").read_text())


async def test_watches_that_end_at_once_are_not_opened_in_a_loop(fake, api, services):
    fake.watches[SERVICES] = deque([[], [], []])
    async with following(api, r.SERVICES) as seen:
        await until(lambda: seen.naps.taken)
        assert len(fake.asked("GET", SERVICES, watch="true")) == 1
        seen.naps.budget.release()
        await until(lambda: len(seen.naps.taken) == 2)
        assert seen.phases == [Phase.LIVE]


async def test_a_server_error_shows_and_heals(fake, api, services):
    fake.refuse(f"GET {SERVICES}", (500, failure(500, "InternalError", "etcd is sad")), (0, b""))
    async with following(api, r.SERVICES) as seen:
        await until(lambda: seen.naps.taken)
        assert isinstance(seen.of(WatchChanged)[0].error, ServerFailed)
        seen.naps.budget.release()
        await until(lambda: seen.of(Listed))
        assert seen.of(WatchChanged)[-1].error is None


async def test_several_namespaces_are_one_list(fake, api):
    for name in ("a", "b"):
        items = [service(f"in-{name}", "1", name)]
        fake.lists[r.SERVICES.path(name)] = {"metadata": {"resourceVersion": "1"}, "items": items}
    fake.watches[r.SERVICES.path("b")] = deque([[event("ADDED", service("late", "2", "b")), Hold()]])
    async with following(api, r.SERVICES, namespaces=("a", "b")) as seen:
        await until(lambda: seen.of(Changed))
        assert set(seen.of(Listed)[-1].items) == {"a/in-a", "b/in-b"}
        assert len(seen.of(Listed)) == 1
    assert not fake.asked("GET", SERVICES)


async def test_one_forbidden_namespace_hides_no_other(fake, api):
    fake.lists[r.SERVICES.path("a")] = {"metadata": {"resourceVersion": "1"}, "items": [service("x", "1", "a")]}
    fake.refuse(f"GET {r.SERVICES.path('b')}", (403, failure(403, "Forbidden", "no")))
    async with following(api, r.SERVICES, namespaces=("a", "b")) as seen:
        await until(lambda: seen.of(Listed) and seen.phases)
        assert set(seen.of(Listed)[-1].items) == {"a/x"}
        assert seen.phases == [Phase.FAILED]


async def test_a_crd_that_is_removed_empties_the_list(fake, api):
    path = r.CNPS.path()
    item = {"metadata": {"name": "deny", "namespace": "default"}}
    fake.lists[path] = {"metadata": {"resourceVersion": "1"}, "items": [item]}
    gone = json.dumps(event("ERROR", failure(410, "Expired", "gone"))).encode()
    gate = Hold()
    fake.watches[path] = deque([[gate, gone]])
    async with following(api, r.CNPS) as seen:
        await until(lambda: seen.of(Listed) and Phase.LIVE in seen.phases)
        del fake.lists[path]
        gate.until.set()
        await until(lambda: Phase.ABSENT in seen.phases)
        assert [set(e.items) for e in seen.of(Listed)] == [{"default/deny"}, set()]


async def test_a_watch_that_fell_silent_is_opened_anew_where_it_stood(fake, api, services, monkeypatch):
    monkeypatch.setattr(watch, "IDLE_SECONDS", 0.05)
    fake.watches[SERVICES] = deque([[bookmark("8000"), Hold()], [event("ADDED", service("late", "8001")), Hold()]])
    async with following(api, r.SERVICES) as seen:
        await until(lambda: seen.of(Changed))
        assert set(seen.phases) == {Phase.LIVE}
        assert len(seen.of(Listed)) == 1
    assert fake.asked("GET", SERVICES, watch="true")[1].query["resourceVersion"] == "8000"


class Chunks:
    """A response whose body comes in given pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def chunks(self, idle: float) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    def drop(self) -> None:
        pass


@given(st.lists(st.text("ab{}", min_size=1)), st.lists(st.integers(0, 60)))
def test_lines_do_not_depend_on_how_they_were_cut(lines, cuts):
    body = "".join(line + "\n" for line in lines).encode()
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[a:b] for a, b in itertools.pairwise(places)]

    async def read() -> list[bytes]:
        got = []
        async with watch._Reader(Chunks(pieces)) as reader:
            while batch := await reader.next():
                got += batch
        return got

    assert asyncio.run(read()) == [line.encode() for line in lines]
