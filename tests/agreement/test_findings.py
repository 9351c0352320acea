"""Every finding of the services room on the embedded mesh: found, cleared by its fix, and undone to the byte."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from meshtui.core.errors import Conflict, Forbidden
from meshtui.core.findings import Finding, Kind, findings
from meshtui.core.model import resources as r
from meshtui.core.routing import annotations as a
from meshtui.core.routing import route, routes
from meshtui.core.services.table import ServiceTable
from meshtui.mesh.session import Session
from tests.mesh.conftest import Lab, NewLab
from tests.mesh.test_outages import as_reader
from tests.mesh.waiting import until

KEY = "default/rebel-base"
K, T = "koornacht", "tion"
BOTH = [(K, KEY), (T, KEY)]
Marks = dict[str, str | None]
ON: Marks = {a.GLOBAL: "true"}


@dataclass(frozen=True)
class Case:
    """What leads into it, and where traffic of koornacht's clients goes before and after the fix."""

    kind: Kind
    marks: dict[str, Marks]
    """Context → annotations of rebel-base."""
    before: str
    after: str
    version: str = "1.21"


CASES = [
    Case(Kind.AFFINITY_DROPS_REMOTE, {K: {**ON, a.AFFINITY: "none"}, T: ON}, "K 2", "K 2, T 2", "1.19"),
    Case(Kind.AFFINITY_DROPS_REMOTE, {K: {**ON, a.AFFINITY: "loacl"}, T: ON}, "K 2", "K 2, T 2", "1.18"),
    Case(Kind.AFFINITY_UNKNOWN, {K: {**ON, a.AFFINITY: "loacl"}, T: ON}, "K 2, T 2", "K 2, T 2"),
    Case(Kind.GLOBAL_ALONE, {K: ON}, "K 2", "K 2, T 2"),
    Case(Kind.SHARED_NOWHERE, {key: {**ON, a.SHARED: "false"} for key in (K, T)}, "K 2", "K 2, T 2"),
    Case(Kind.VALUE_MISREAD, {K: {a.GLOBAL: "yes"}, T: ON}, "K 2", "K 2, T 2"),
    Case(Kind.INACTIVE, {K: {a.AFFINITY: "local"}, T: {}}, "K 2", "K 2"),
    Case(
        Kind.ALIAS_IGNORED,
        {K: {**ON, a.AFFINITY: "local", a.ALIASES[a.AFFINITY]: "remote"}, T: ON},
        "K 2",
        "K 2",
    ),
]


async def write(
    session: Session, context: str, marks: Marks, resource: r.Resource = r.SERVICES, name: str = ""
) -> None:
    """As kubectl would: straight past every guard, and wait until the session has seen it."""
    namespace = "" if resource is r.NAMESPACES else "default"
    patch = {"metadata": {"annotations": marks}}
    await session.api(context).patch(resource, name or "rebel-base", namespace, patch)
    key = f"{namespace}/rebel-base" if namespace else name

    def seen() -> bool:
        held = session.mesh.clusters[context].of(resource)[key].annotations
        return all(held.get(mark) == value for mark, value in marks.items())

    await until(session, seen)


async def raw(session: Session, context: str) -> bytes:
    """The annotations as the API server sends them, in its order."""
    found = await session.api(context).get_raw("/api/v1/namespaces/default/services/rebel-base")
    document: Any = json.loads(found) if isinstance(found, bytes | str) else found
    return json.dumps(document["metadata"].get("annotations"), separators=(",", ":")).encode()


def finding_of(session: Session, kind: Kind) -> Finding | None:
    return next((f for f in findings(session.mesh) if f.kind is kind and f.object == KEY), None)


def goes(session: Session, context: str = K) -> str:
    return route(session.mesh, context, KEY).summary


async def mend(session: Session, finding: Finding) -> None:
    """Apply the finding's fix as the key in the dashboard does."""
    plan = session.plan_fix(finding)
    assert plan.refusal is None
    outcomes = await session.perform(plan)
    assert [outcome.error for outcome in outcomes] == [None] * len(plan.steps)
    await until(session, lambda: not session.pending)


async def take_back(session: Session) -> None:
    plan = session.plan_undo()
    assert plan is not None
    await session.perform(plan)
    await until(session, lambda: not session.pending)


@pytest.mark.parametrize("case", CASES, ids=lambda t: f"{t.kind.name.lower()}-{t.version}")
async def test_found_mended_and_taken_back(case: Case, new_lab: NewLab) -> None:
    async with new_lab(cilium_version=case.version) as lab, lab.session() as session:
        for context, marks in case.marks.items():
            await write(session, context, marks)
        before = {context: await raw(session, context) for context, _ in BOTH}
        finding = finding_of(session, case.kind)
        assert finding is not None
        assert finding.sentence
        assert finding.evidence
        assert finding.fixes
        assert goes(session) == case.before
        await mend(session, finding)
        await until(session, lambda: finding_of(session, case.kind) is None)
        assert goes(session) == case.after
        await take_back(session)
        await until(session, lambda: finding_of(session, case.kind) == finding)
        assert {context: await raw(session, context) for context, _ in BOTH} == before


async def test_a_namespace_that_is_not_exported(lab: Lab) -> None:
    async with lab.session() as session:
        for context in (K, T):
            await write(session, context, ON)
        await write(session, T, {a.NAMESPACE_GLOBAL: "false"}, r.NAMESPACES, "default")
        await until(session, lambda: finding_of(session, Kind.NAMESPACE_NOT_EXPORTED))
        finding = finding_of(session, Kind.NAMESPACE_NOT_EXPORTED)
        assert finding is not None
        assert finding.contexts == (T,)
        assert (goes(session), goes(session, T)) == ("K 2", "T 2, K 2")
        await mend(session, finding)
        await until(session, lambda: finding_of(session, Kind.NAMESPACE_NOT_EXPORTED) is None)
        assert goes(session) == "K 2, T 2"


async def test_local_affinity_without_local_endpoints_and_the_drill_back(lab: Lab) -> None:
    async with lab.session() as session:
        await write(session, K, {**ON, a.AFFINITY: "local"})
        await write(session, T, ON)
        await session.perform(session.plan_drill(K, KEY))
        await until(session, lambda: finding_of(session, Kind.FAILOVER))
        assert goes(session) == "T 2 (failover)"
        await session.perform(session.plan_drill(K, KEY))
        await until(session, lambda: finding_of(session, Kind.FAILOVER) is None and goes(session) == "K 2")


async def test_nobody_serves(lab: Lab) -> None:
    async with lab.session() as session:
        await write(session, K, ON)
        await session.perform(session.plan_drill(K, KEY))
        await until(session, lambda: finding_of(session, Kind.NO_BACKENDS))
        finding = finding_of(session, Kind.NO_BACKENDS)
        assert finding is not None
        assert "refused at once" in finding.sentence


async def test_backends_of_a_cluster_that_does_not_answer(new_lab: NewLab) -> None:
    async with new_lab(state="link-cut") as lab, lab.session() as session:
        await until(session, lambda: finding_of(session, Kind.STALE_BACKENDS))
        before = await raw(session, K)
        finding = next(f for f in findings(session.mesh) if f.kind is Kind.STALE_BACKENDS and f.contexts == (K,))
        assert finding.sentence.startswith("50 %")
        await mend(session, finding)
        await until(session, lambda: not any(b.stale for b in route(session.mesh, K, KEY).backends))
        assert {b.cluster for b in route(session.mesh, K, KEY).backends} == {K}
        await take_back(session)
        assert await raw(session, K) == before


async def toggle_until_done(session: Session, what: str, value: str, context: str) -> int:
    """Set an annotation, planning again after each conflict; how many conflicts there were."""
    plan = session.plan_annotation([(context, KEY)], what, value)
    for conflicts in range(20):
        outcomes = await session.perform(plan)
        if outcomes[0].error is None:
            return conflicts
        assert isinstance(outcomes[0].error, Conflict)
        repeated = session.plan_again(plan, outcomes)
        assert repeated is not None
        plan = repeated
    raise AssertionError("never got through")


async def test_two_people_at_once_lose_nothing(lab: Lab) -> None:
    async with lab.session() as mine, lab.session() as theirs:
        conflicts = 0
        for value in ("local", "remote", "local"):
            # Both planned from the same version: the second to arrive must be refused, and both must get through.
            found = await asyncio.gather(
                *(toggle_until_done(mine, "affinity", value, context) for context in (K, T)),
                *(
                    toggle_until_done(theirs, "shared", "false" if value == "local" else "true", context)
                    for context in (K, T)
                ),
            )
            conflicts += sum(found)
            for context in (K, T):
                fresh = await mine.api(context).get(r.SERVICES, "rebel-base", "default")
                assert fresh.annotations[a.AFFINITY] == value
                assert fresh.annotations[a.SHARED] == ("false" if value == "local" else "true")
                for session in (mine, theirs):
                    await until(
                        session,
                        lambda s=session, c=context, f=fresh: (
                            s.mesh.clusters[c].services[KEY].annotations == f.annotations
                        ),
                    )
        assert conflicts >= 6


async def test_who_may_only_look_sees_everything_and_changes_nothing(lab: Lab) -> None:
    async with lab.session() as admin:
        await write(admin, K, ON)
        expected = (
            [found.summary for found in routes(admin.mesh, KEY)],
            {f.kind for f in findings(admin.mesh) if f.object == KEY},
            ServiceTable(admin.mesh).keys,
        )
        before = [await raw(admin, context) for context in (K, T)]
    await as_reader(lab)
    async with lab.session() as session:
        seen = (
            [found.summary for found in routes(session.mesh, KEY)],
            {f.kind for f in findings(session.mesh) if f.object == KEY},
            ServiceTable(session.mesh).keys,
        )
        assert seen == expected
        finding = finding_of(session, Kind.GLOBAL_ALONE)
        assert finding is not None
        manifest = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "p"}, "spec": {}}
        for plan in (
            session.plan_toggle(BOTH, "global"),
            session.plan_annotation(BOTH, "affinity", "local"),
            session.plan_fix(finding),
            session.plan_drill(K, KEY),
            session.plan_scale(K, "default", "x-wing", 0),
            session.plan_apply([K], [manifest]),
        ):
            assert isinstance(plan.refusal, Forbidden), plan.title
            with pytest.raises(Forbidden):
                await session.perform(plan, confirmed=True)
        assert [await raw(session, context) for context in (K, T)] == before
