"""The last minute's flows for who judges once: each Relay is asked for its own cluster alone, and followed in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshtui.core.flows.flow import FlowRow
from meshtui.core.model import resources as r
from meshtui.core.model.state import Phase
from meshtui.mesh.evidence import recent_flows, versions_told
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from tests.mesh.conftest import FAST, Lab, NewLab
from tests.mesh.waiting import until
from tests.waiting import GUARD

SCOPE = Scope((r.PODS, r.SERVICES, r.NODES), access=False, once=True)


@pytest.fixture
async def busy(new_lab: NewLab) -> AsyncIterator[Lab]:
    """An embedded mesh whose Relays are asked directly, and whose rings hold something."""
    async with new_lab(relays=True, flow_rate=50) as lab:
        yield lab


@asynccontextmanager
async def opened(lab: Lab) -> AsyncIterator[tuple[Session, list[FlowRow]]]:
    """A session that was opened for one answer, and what its Relays told."""
    settings = lab.settings()
    async with Session(choose(settings, {}), settings, pace=FAST, scope=SCOPE) as session:
        settled, recent = await asyncio.gather(session.settled(GUARD), recent_flows(session, GUARD, GUARD))
        assert settled
        assert not recent.failures
        yield session, recent.rows


def by_cluster(rows: list[FlowRow]) -> dict[str, set[str]]:
    """Cluster of the observing node → contexts whose Relays told."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.node.partition("/")[0], set()).add(row.received)
    return found


async def test_each_relay_tells_its_own_cluster_once_and_is_not_followed(busy: Lab) -> None:
    async with opened(busy) as (session, rows):
        assert by_cluster(rows) == {"koornacht": {"koornacht"}, "tion": {"tion"}}
        assert len({row.uuid for row in rows}) == len(rows)
        assert {c.relay.link.phase for c in session.mesh.clusters.values()} == {Phase.LIVE}
        assert all(
            lookback.complete for context in ("koornacht", "tion") if (lookback := session.mesh_flows.lookback(context))
        )
        assert not session.flows, "nothing is followed"


async def test_in_doubt_every_relay_is_followed(busy: Lab) -> None:
    async with opened(busy) as (session, rows):
        known = {row.uuid for row in session.mesh_flows.past(rows)}
        session.mesh_flows.follow()
        await until(
            session,
            lambda: by_cluster([row for row in session.flows if row.uuid not in known]).keys() >= {"koornacht", "tion"},
        )
        assert session.mesh_flows.lookback("tion") is None


async def test_a_cluster_without_a_relay_is_told_of_by_another(busy: Lab) -> None:
    await busy.fault("relay-down", cluster="tion")
    async with opened(busy) as (session, rows):
        assert session.mesh.clusters["tion"].relay.link.phase is not Phase.LIVE
        assert by_cluster(rows) == {"koornacht": {"koornacht"}, "tion": {"koornacht"}}


async def test_versions_come_from_the_relay_where_no_agent_told_one(busy: Lab) -> None:
    async with opened(busy) as (session, _):
        assert not any(cluster.relay.versions for cluster in session.mesh.clusters.values())
        await versions_told(session)
        assert not session.mesh.clusters["tion"].relay.versions, "its agents have told"
        session.mesh.clusters["tion"].agents.clear()
        await versions_told(session)
        assert session.mesh.clusters["tion"].relay.versions
        assert not session.mesh.clusters["koornacht"].relay.versions
