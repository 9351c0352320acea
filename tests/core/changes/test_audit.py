"""The audit log's lines say all and give away nothing."""

from __future__ import annotations

import json

from meshtui.core.changes import audit
from meshtui.core.changes.plan import Outcome, Step, Verb
from meshtui.core.errors import Conflict
from meshtui.core.model import resources as r

STEP = Step("tion", Verb.ANNOTATE, r.SERVICES, "default", "a", {"k": None}, {"k": "line\nbreak"}, "7")


def test_a_line_is_one_json_object_whatever_the_cluster_sent() -> None:
    text = audit.line(audit.entry(STEP, None, at=0.5, user="leia\n"))
    assert "\n" not in text
    assert json.loads(text) == {
        "time": "1970-01-01T00:00:00.500Z",
        "user": "leia\n",
        "context": "tion",
        "verb": "annotate",
        "object": "Service default/a",
        "before": {"k": None},
        "after": {"k": "line\nbreak"},
        "result": "requested",
    }


def test_results_and_dry_runs_are_told() -> None:
    refused = audit.entry(STEP, Outcome(STEP, Conflict("moved on", context="tion")), at=0, user="u", dry_run=True)
    assert refused.result == "Conflict: moved on"
    assert json.loads(audit.line(refused))["dryRun"] is True
    assert audit.entry(STEP, Outcome(STEP), at=0, user="u").result == "accepted"


def test_secrets_are_not_written_down() -> None:
    manifest = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "hunter2"}}
    step = Step("tion", Verb.APPLY, r.CNPS, "default", "s", None, manifest)
    assert "hunter2" not in audit.line(audit.entry(step, None, at=0, user="u"))
