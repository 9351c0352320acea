"""A cluster that comes back as another one is said to be another; and what nothing new speaks for is no green."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from meshtui.cli import headless
from meshtui.cli.status import _verdict
from meshtui.core.errors import Exit, MeshtuiError, TimedOut
from meshtui.core.findings.report import failing, settled, unproven
from meshtui.core.health.judge import Judge
from meshtui.core.health.model import Cause, Judgement, Verdict
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.mesh.session import Session
from tests.core.health.recorded import at_of, seen_calm

NOW = at_of("00-baseline", "base")


def verdict(mesh: s.Mesh, judgement: Judgement, problems: dict[str, MeshtuiError]) -> int:
    """The exit code of `status` for a session that holds no more than its mesh."""
    return _verdict(cast("Session", SimpleNamespace(mesh=mesh)), judgement, problems)


@pytest.fixture(autouse=True)
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """All lists have come: what is missing of those has tests of its own."""
    monkeypatch.setattr(headless, "missing_data", lambda *_: 0)


def system(judge: Judge, uid: str, now: float) -> set[Cause]:
    """Judge tion with that kube-system."""
    space = o.Namespace(metadata=o.Meta(name="kube-system", uid=uid, resource_version=uid))
    reduce(judge.mesh, s.Listed("tion", r.NAMESPACES, {"kube-system": space}, now))
    return {t.cause for t in judge.judge(now).troubles}


def test_another_kube_system_is_another_cluster_and_after_a_while_it_is_the_cluster() -> None:
    judge = seen_calm()
    assert Cause.CLUSTER_REPLACED not in system(judge, "before", NOW + 1)
    error = TimedOut("tion did not answer", context="tion")
    reduce(judge.mesh, s.ApiChanged("tion", s.Phase.STALE, NOW + 2, error=error))
    assert Cause.CLUSTER_REPLACED not in system(judge, "before", NOW + 10), "it was only away"
    reduce(judge.mesh, s.ApiChanged("tion", s.Phase.LIVE, NOW + 20, "1.36.2"))
    assert Cause.CLUSTER_REPLACED in system(judge, "after", NOW + 21)
    (told,) = [t for t in judge.latest.troubles if t.cause is Cause.CLUSTER_REPLACED]
    assert told.sentence == "tion came back as another cluster: its kube-system namespace is another one"
    assert told.evidence == ("uid before: before", "uid now: after")
    assert judge.latest.cluster("tion").verdict is Verdict.FAILING
    assert Cause.CLUSTER_REPLACED in system(judge, "after", NOW + 500)
    assert Cause.CLUSTER_REPLACED not in system(judge, "after", NOW + 700)
    assert Cause.CLUSTER_REPLACED not in system(judge, "after", NOW + 701)


@pytest.mark.parametrize("seconds", [400.0, 4000.0])
def test_evidence_that_grew_old_ends_status_with_one_and_is_said(
    seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = seen_calm()
    judgement = judge.judge(NOW + seconds)
    doubts = unproven(judgement)
    assert {each.subject.name for each in doubts if each.verdict is Verdict.STALE} >= {"koornacht", "tion"}
    assert not [each for each in judgement.links.values() if each.verdict is Verdict.WELL]
    assert not settled(judgement)
    assert verdict(judge.mesh, judgement, {}) == Exit.DEGRADED
    if not failing(judgement):
        assert "stale: link koornacht → tion" in capsys.readouterr().err


def test_nothing_reached_is_three_and_one_of_two_is_one() -> None:
    judge = seen_calm()
    judgement = judge.judge(NOW + 1)
    error = TimedOut("no answer", context="tion")
    assert verdict(judge.mesh, judgement, {"koornacht": error, "tion": error}) == Exit.CANNOT_CONNECT
    assert verdict(judge.mesh, judgement, {"tion": error}) == Exit.DEGRADED
