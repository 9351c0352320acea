"""The audit log's lines: who did what to which object of which cluster, before and after, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from meshtui.core.changes.plan import AuditEntry, Outcome, Plan, Step, Verb
from meshtui.core.model.resources import BY_KIND

_HIDDEN_KINDS = frozenset({"Secret"})
_HIDDEN_ANNOTATIONS = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})


def entry(
    step: Step,
    outcome: Outcome | None,
    *,
    at: float,
    user: str,
    dry_run: bool = False,
    change: str = "",
    undoes: str = "",
) -> AuditEntry:
    """The log's line for one step; `outcome` None means it is about to be tried."""
    if outcome is None:
        result = "requested"
    else:
        result = "accepted" if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}"
    kind = step.resource.kind
    return AuditEntry(
        at=at,
        user=user,
        context=step.context,
        verb=step.verb.value,
        object=f"{kind} {step.key}",
        before=_redacted(step.before, kind),
        after=_redacted(step.after, kind),
        result=result,
        dry_run=dry_run,
        change=change,
        undoes=undoes,
    )


def line(item: AuditEntry) -> str:
    """One JSON object on one line, without the line break; times are UTC."""
    document: dict[str, Any] = {
        "time": datetime.fromtimestamp(item.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "user": item.user,
        "context": item.context,
        "verb": item.verb,
        "object": item.object,
        "before": item.before,
        "after": item.after,
        "result": item.result,
    }
    if item.change:
        document["change"] = item.change
    if item.undoes:
        document["undoes"] = item.undoes
    if item.dry_run:
        document["dryRun"] = True
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"), default=str)


def _redacted(value: Mapping[str, Any] | None, kind: str) -> Mapping[str, Any] | None:
    """Manifests of kinds that hold secrets lose everything but their metadata's name."""
    if value is None:
        return None
    shown = {k: v for k, v in value.items() if k not in _HIDDEN_ANNOTATIONS}
    if kind not in _HIDDEN_KINDS and shown.get("kind") not in _HIDDEN_KINDS:
        return shown
    return {"kind": "Secret", "metadata": {"name": (shown.get("metadata") or {}).get("name", "")}}


def standing(lines: Iterable[str]) -> list[tuple[Plan, tuple[Outcome, ...]]]:
    """The log's changes that were accepted and not taken back since, oldest first, as a session's history has them.

    Lines that cannot be read, and those of before changes had names, are left out.
    """
    changes: dict[str, dict[tuple[str, str], Outcome]] = {}
    for text in lines:
        try:
            read = _accepted(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if read is None:
            continue
        outcome, undoes = read
        where = (outcome.step.context, f"{outcome.step.resource.kind} {outcome.step.key}")
        if undoes:
            changes.get(undoes, {}).pop(where, None)
        elif outcome.step.before != outcome.step.after:
            changes.setdefault(outcome.change, {})[where] = outcome
    return [(_plan_of(kept), tuple(kept.values())) for kept in changes.values() if kept]


def _accepted(document: Mapping[str, Any]) -> tuple[Outcome, str] | None:
    if document["result"] != "accepted" or document.get("dryRun") or not document.get("change"):
        return None
    kind, _, key = document["object"].partition(" ")
    namespace, _, name = key.rpartition("/")
    if kind in _HIDDEN_KINDS or not isinstance(document["context"], str):
        return None
    step = Step(
        document["context"],
        Verb(document["verb"]),
        BY_KIND[kind],
        namespace,
        name,
        document["before"],
        document["after"],
    )
    at = datetime.fromisoformat(document["time"]).timestamp()
    return Outcome(step, at=at, change=str(document["change"])), str(document.get("undoes") or "")


def _plan_of(kept: Mapping[tuple[str, str], Outcome]) -> Plan:
    steps = tuple(outcome.step for outcome in kept.values())
    what = ", ".join(dict.fromkeys(f"{step.verb.value} {step.resource.kind} {step.key}" for step in steps))
    return Plan(f"{what} in {', '.join(dict.fromkeys(step.context for step in steps))}", steps)
