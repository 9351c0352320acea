"""The session's small parts by themselves: news, pending marks, targets, the agents' command."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest
import yaml

from meshtui.core.changes.plan import Step, Verb
from meshtui.core.errors import ConfigError
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.objects import Meta, Service
from meshtui.core.model.reduce import reduce
from meshtui.core.settings import Settings
from meshtui.mesh.changes.pending import Pending
from meshtui.mesh.flows.agents import command
from meshtui.mesh.pace import Backoff, Pace
from meshtui.mesh.publisher import Publisher
from meshtui.mesh.targets import choose, new_mesh
from tests.waiting import GUARD

REF = ("tion", "default/a")
STEP = Step("tion", Verb.ANNOTATE, r.SERVICES, "default", "a", {"k": None}, {"k": "v"}, "1")


def kubeconfig(path: Path, *names: str, server: str = "https://{name}.invalid:6443") -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": names[-1] if names else "",
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in names],
        "clusters": [{"name": n, "cluster": {"server": server.format(name=n)}} for n in names],
        "users": [{"name": n, "user": {}} for n in names],
    }
    path.write_text(yaml.safe_dump(document))
    return path


async def test_news_is_gathered_and_handed_out_in_one_piece() -> None:
    publisher: Publisher[set[int]] = Publisher(set, set.update)
    heard: asyncio.Queue[set[int]] = asyncio.Queue()
    stop = publisher.subscribe(heard.put_nowait)
    publisher.post({1})
    publisher.post({2})
    assert await heard.get() == {1, 2}
    for number in range(50):
        publisher.post({number})
    assert await heard.get() == set(range(50))
    stop()
    publisher.post({3})
    publisher.close()
    assert heard.empty()


def service(version: str, **annotations: str) -> Service:
    return Service(metadata=Meta(name="a", namespace="default", resource_version=version, annotations=annotations))


async def test_a_mark_stays_until_the_watch_shows_what_was_written() -> None:
    mesh = s.Mesh({"tion": s.Cluster("tion", "T", 0)})
    told: list[s.Delta] = []
    pending = Pending(mesh, told.append, 60.0)

    def watch(item: Service) -> None:
        pending.seen(reduce(mesh, s.Changed("tion", r.SERVICES, {"default/a": item}, 0.0)))

    watch(service("1"))
    pending.begin(STEP)
    assert pending.refs == {REF}
    pending.accepted(STEP)
    watch(service("2", other="x"))
    assert pending.refs == {REF}
    watch(service("3", k="v"))
    assert not pending.refs
    assert len(told) == 2
    # The watch may be faster than the answer.
    pending.begin(STEP)
    pending.accepted(STEP)
    assert not pending.refs
    pending.begin(STEP)
    pending.failed(STEP)
    assert not pending.refs


async def test_a_mark_does_not_outlive_its_time() -> None:
    gone = asyncio.Event()
    mesh = s.Mesh({"tion": s.Cluster("tion", "T", 0)})
    pending = Pending(mesh, lambda _: None if pending.refs else gone.set(), 0.01)
    pending.begin(STEP)
    async with asyncio.timeout(GUARD):
        await gone.wait()
    assert not pending.refs


def test_pauses_double_up_to_a_limit_and_are_never_in_step() -> None:
    backoff = Backoff(Pace(first_retry=1.0, last_retry=8.0), random.Random(1))
    pauses = [backoff.next() for _ in range(6)]
    for pause, whole in zip(pauses, (1, 2, 4, 8, 8, 8), strict=True):
        assert whole / 2 <= pause <= whole
    backoff.reset()
    assert backoff.next() <= 1.0


def test_targets(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", "koornacht", "tion")
    chosen = choose(Settings(kubeconfig=path), {})
    assert [target.context for target in chosen] == ["koornacht", "tion"]
    chosen = choose(Settings(kubeconfig=path, contexts=("tion",)), {})
    assert [target.context for target in chosen] == ["tion"]
    with pytest.raises(ConfigError, match="no context is called 'hoth'") as caught:
        choose(Settings(kubeconfig=path, contexts=("hoth",)), {})
    assert "koornacht" in caught.value.hint


def test_contexts_of_one_server_are_one_cluster_and_too_many_must_be_chosen(tmp_path: Path) -> None:
    twins = kubeconfig(tmp_path / "twins", "a", "b", server="https://same.invalid")
    assert [target.context for target in choose(Settings(kubeconfig=twins), {})] == ["b"]
    many = kubeconfig(tmp_path / "many", *(f"c{n}" for n in range(17)))
    with pytest.raises(ConfigError, match="too many"):
        choose(Settings(kubeconfig=many), {})
    empty = kubeconfig(tmp_path / "empty")
    with pytest.raises(ConfigError):
        choose(Settings(kubeconfig=empty), {})


def test_settings_decide_what_a_context_asks_for(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", "prod-eu", "lab", "other")
    settings = Settings(
        kubeconfig=path, protected=("prod-*",), trusted=("lab", "prod-*"), read_only_contexts=("other",)
    )
    mesh = new_mesh(choose(settings, {}), settings)
    assert [(c.protected, c.trusted, c.read_only) for c in mesh.clusters.values()] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_agents_are_asked_with_the_same_filters() -> None:
    words = command([{"verdict": ["DROPPED"]}], [{"source_pod": ["kube-system/"]}])
    assert words[:5] == ["hubble", "observe", "--follow", "--output", "jsonpb"]
    assert json.loads(words[words.index("--allowlist") + 1]) == {"verdict": ["DROPPED"]}
    assert json.loads(words[words.index("--denylist") + 1]) == {"source_pod": ["kube-system/"]}
