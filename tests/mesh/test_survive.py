"""API servers, Relays, agents and nodes that vanish and come back: what is shown meanwhile, and what is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections import Counter
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import yaml

from meshtui.core.health.model import Verdict
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.services.table import ServiceTable
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from tests.gate import gated
from tests.mesh.conftest import Lab, NewLab
from tests.mesh.waiting import until
from tests.waiting import until as soon

KEY = "default/rebel-base"
NODE = "tion-worker"
ROUNDS = 4
FAULTS = (
    ("api-down", {"cluster": "tion"}),
    ("relay-gone", {"cluster": "tion"}),
    ("agent-crashed", {"cluster": "tion", "node": NODE}),
    ("node-down", {"cluster": "tion", "node": NODE}),
)


def well(session: Session) -> bool:
    """Whether everything that vanished is back in all that is known."""
    tion = session.mesh.clusters["tion"]
    return (
        tion.api.phase is s.Phase.LIVE
        and all(link.phase is s.Phase.LIVE for link in tion.watches.values())
        and tion.relay.link.phase is s.Phase.LIVE
        and not tion.agent_errors
        and len(tion.agents) == len(tion.nodes)
    )


def noticed(session: Session, fault: str) -> bool:
    """Whether what vanished is told as gone."""
    tion = session.mesh.clusters["tion"]
    match fault:
        case "api-down":
            return tion.api.phase is s.Phase.STALE
        case "relay-gone":
            return tion.relay.link.phase is not s.Phase.LIVE or tion.relay.source is s.FlowSource.AGENTS
        case _:
            return NODE in tion.agent_errors or session.judging.now().node("tion", NODE).verdict is not Verdict.WELL


async def round_of_faults(lab: Lab, session: Session) -> None:
    """Each vanishes and comes back, one after another."""
    for fault, values in FAULTS:
        await lab.fault(fault, **values)
        await until(session, lambda fault=fault: noticed(session, fault))
        await lab.heal()
        await until(session, lambda: well(session))


def held(session: Session) -> tuple[int, int]:
    """Asyncio tasks, and open files but for connections kept for the next request: as many as were needed at once."""
    kept = sum(session.api(context).connection.http.kept for context in ("koornacht", "tion"))
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")) - kept


def sources(session: Session) -> dict[str, str]:
    """Where each cluster's flows come from."""
    return {context: cluster.relay.source.value for context, cluster in session.mesh.clusters.items()}


def named() -> dict[str, int]:
    """What the asyncio tasks do, and how many of each."""
    return dict(Counter(getattr(task.get_coro(), "__qualname__", repr(task)) for task in asyncio.all_tasks()))


def traced() -> int:
    """Bytes that were allocated since tracing began and are still held."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_what_vanishes_comes_back_and_leaves_nothing_behind(new_lab: NewLab) -> None:
    """What is left behind is left behind by every round; what one round alone adds is what was used for the first time.

    It takes its time because sixteen things vanish, are missed and come back.
    """
    async with new_lab(state="global", relays=True) as lab, lab.session(scope=Scope(), request_timeout=1.0) as session:
        await until(session, lambda: well(session))
        holding, memory, known = [], [], {}
        tracemalloc.start(1)
        try:
            for _ in range(ROUNDS):
                await round_of_faults(lab, session)
                memory.append(traced())
                holding.append(held(session))
                known = named()
        finally:
            tracemalloc.stop()
        assert min(after - before for before, after in pairwise(memory)) < 1_000_000, memory
        # Right after a round something may still be on its way back: then it was fewer.
        before = [max(counts) for counts in zip(*holding[: ROUNDS // 2], strict=True)]
        least = held(session)

        def as_before() -> bool:
            """What is asked now and then comes and goes: what is left behind is there at any moment."""
            nonlocal least
            least = tuple(map(min, least, held(session)))
            return all(now <= then + 1 for now, then in zip(least, before, strict=True))

        await soon(as_before, what=lambda: (holding, least, held(session), known, named(), sources(session)))


async def test_a_deletion_during_absence_is_not_missed_and_old_data_is_marked(new_lab: NewLab, tmp_path: Path) -> None:
    async with new_lab(state="global") as lab, lab.session() as other, AsyncExitStack() as stack:
        document = yaml.safe_load(lab.running.kubeconfig.read_text())
        entry = next(each for each in document["clusters"] if each["name"] == "tion")["cluster"]
        gate = await stack.enter_async_context(gated(int(entry["server"].rpartition(":")[2])))
        entry["server"] = f"https://127.0.0.1:{gate.port}"
        path = tmp_path / "gated"
        path.write_text(yaml.safe_dump(document))
        async with lab.session(kubeconfig=path, request_timeout=1.0) as session:
            tion = session.mesh.clusters["tion"]
            gate.close()
            await until(session, lambda: tion.api.phase is s.Phase.STALE)
            judged = session.judging.now()
            assert judged.cluster("tion").verdict is Verdict.STALE
            assert judged.cluster("tion").words.startswith("as of ")
            assert {n.verdict for (c, _), n in judged.nodes.items() if c == "tion"} == {Verdict.STALE}
            assert {part.verdict for (c, _), part in judged.components.items() if c == "tion"} == {Verdict.STALE}
            assert not judged.cluster("koornacht").verdict.bad
            assert KEY in tion.services
            pods = set(tion.pods)
            for resource in (r.SERVICES, r.DEPLOYMENTS):
                await other.api("tion").delete(resource, "rebel-base", "default")
            gone = other.mesh.clusters["tion"]
            await until(other, lambda: not any("rebel-base" in key for key in (*gone.services, *gone.pods)))
            assert set(tion.pods) == pods, "what is held is shown until it is known better"
            gate.closed = False
            await until(session, lambda: set(tion.pods) == set(gone.pods) and KEY not in tion.services)
            await until(session, lambda: not any("rebel-base" in key for key in tion.endpointslices))
            table = ServiceTable(session.mesh)
            row = table.row(KEY)
            assert row is not None
            assert [cell.context for cell in row.present] == ["koornacht"]
