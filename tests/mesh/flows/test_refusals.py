"""What cannot be had is asked for seldom: no Cilium at all, and agents in which no command may be run."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from meshtui.core.errors import Forbidden, RelayAbsent
from meshtui.core.model import state as s
from meshtui.kube import exec as kubeexec
from meshtui.mesh.flows import agents
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from tests.mesh.conftest import FAST, Lab, NewLab
from tests.mesh.waiting import until
from tests.waiting import until as passed

BEATS = 12
PATIENT = replace(FAST, heartbeat=0.05, first_retry=3_600.0, last_retry=3_600.0)
"""Nothing that failed is tried again while a test runs."""


def session_on(lab: Lab, scope: Scope, pace: Any = PATIENT) -> Session:
    settings = lab.settings()
    return Session(choose(settings, {}), settings, pace=pace, scope=scope)


def counting(session: Session) -> dict[str, int]:
    """Context → answers to heartbeats, from now on."""
    beats = dict.fromkeys(session.mesh.clusters, 0)
    emit = session.emit

    def counted(event: s.Event) -> None:
        beats[event.context] += isinstance(event, s.ApiChanged)
        emit(event)

    session.emit = counted  # type: ignore[method-assign]
    return beats


async def test_a_cluster_without_cilium_is_not_asked_for_its_flows_again_and_again(
    new_lab: NewLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = agents.AgentFlows.run

    async def counted(self: agents.AgentFlows, *filters: Any) -> None:
        asked.append(self.api.context)
        await run(self, *filters)

    monkeypatch.setattr(agents.AgentFlows, "run", counted)
    async with new_lab(state="no-cni") as lab:
        session = session_on(lab, Scope(status=False, access=False))
        beats = counting(session)
        async with session:
            clusters = session.mesh.clusters.values()
            await until(session, lambda: all(c.relay.link.phase is s.Phase.ABSENT for c in clusters) and asked)
            begun = dict(beats)
            await passed(lambda: all(beats[context] >= begun[context] + BEATS for context in beats))
            assert sorted(asked) == sorted(session.mesh.clusters), "each once, and then the pause of a failure"
            assert all(isinstance(c.relay.link.error, RelayAbsent) for c in clusters)


async def test_one_refusal_stands_for_all_agents(new_lab: NewLab, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[str] = []
    opened = kubeexec.open_exec

    def counted(api: Any, namespace: str, pod: str, *words: Any, **options: Any) -> Any:
        dialled.append(api.context)
        return opened(api, namespace, pod, *words, **options)

    monkeypatch.setattr(agents, "open_exec", counted)
    async with new_lab(state="cilium", nodes=6) as lab:
        await lab.fault("forbid", resource="pods/exec")
        session = session_on(lab, Scope(status=False, access=False))
        async with session:
            clusters = session.mesh.clusters.values()
            await until(session, lambda: all(isinstance(c.relay.link.error, Forbidden) for c in clusters))
            assert all(c.relay.link.phase is s.Phase.FAILED for c in clusters)
            assert sorted(dialled) == sorted(session.mesh.clusters), "one agent of each cluster was asked"


async def test_a_refusal_is_told_of_all_nodes_at_once_and_once(new_lab: NewLab) -> None:
    news = 0
    async with new_lab(state="deployed", nodes=6) as lab:
        await lab.fault("forbid", resource="pods/exec")
        session = session_on(lab, Scope(flows=False), replace(FAST, agents=3_600.0, agents_per_round=2))
        emit, told = session.emit, dict[str, int]()

        def counted(event: s.Event) -> None:
            nonlocal news
            errors = session.mesh.clusters[event.context].agent_errors
            node = event.node if isinstance(event, s.AgentRead) else ""
            before = errors.get(node)
            emit(event)
            if node:
                told[node] = told.get(node, 0) + 1
                news += before is not errors.get(node)

        session.emit = counted  # type: ignore[method-assign]
        async with session:
            clusters = session.mesh.clusters.values()
            await until(session, lambda: all(c.nodes and c.agent_errors.keys() == c.nodes.keys() for c in clusters))
            assert set(told.values()) == {1}, "two agents were asked, all are told of"
            session.look_again()
            await passed(lambda: sum(told.values()) == len(told) + 4)
            assert news == len(told) > 6, "the same refusal is no news, whichever agent was asked"
