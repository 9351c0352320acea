"""The audit log's lines: who did what to which object of which cluster, before and after, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from meshtui.core.changes.plan import AuditEntry, Outcome, Step

_HIDDEN_KINDS = frozenset({"Secret"})
_HIDDEN_ANNOTATIONS = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})


def entry(step: Step, outcome: Outcome | None, *, at: float, user: str, dry_run: bool = False) -> AuditEntry:
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
