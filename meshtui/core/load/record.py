"""A run as JSON: what is printed, exported and kept; its schema; and what changed between two runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import to_builtins

from meshtui.core.load.spec import LoadEnded, LoadSpec, Request
from meshtui.core.load.split import Fit, Verdict, failed, judge
from meshtui.core.load.stats import BOUNDS, Summary, summarise
from meshtui.core.text import discreet

VERSION = 1
_NUMBER, _INTEGER, _TEXT = {"type": "number"}, {"type": "integer"}, {"type": "string"}
_COUNTS = {"type": "object", "additionalProperties": _INTEGER}
_LATENCY = {"type": "object", "properties": dict.fromkeys(("count", "p50", "p90", "p95", "p99", "max"), _NUMBER)}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "meshtui load run",
    "type": "object",
    "required": ["version", "from", "url", "started", "summary", "requests"],
    "properties": {
        "version": {"const": VERSION},
        "from": {
            "type": "object",
            "required": ["cluster", "context", "namespace", "workload", "pod"],
            "properties": dict.fromkeys(("cluster", "context", "namespace", "workload", "pod"), _TEXT),
        },
        "url": _TEXT,
        "service": _TEXT,
        "spec": {"type": "object"},
        "started": _NUMBER,
        "summary": {
            "type": "object",
            "required": ["total", "answered", "timeouts", "refused", "by_cluster"],
            "properties": {
                **dict.fromkeys(("total", "answered", "timeouts", "refused", "dns_failed", "failed"), _INTEGER),
                **dict.fromkeys(("by_cluster", "by_pod", "by_status"), _COUNTS),
                **dict.fromkeys(("max_all", "gap", "gap_at"), _NUMBER),
                "latency": _LATENCY,
                "latency_by_cluster": {"type": "object", "additionalProperties": _LATENCY},
                "histogram": {"type": "array", "items": _INTEGER},
                "histogram_bounds": {"type": "array", "items": _NUMBER},
            },
        },
        "expected": {"type": ["object", "null"], "additionalProperties": _NUMBER},
        "verdict": {"type": ["string", "null"]},
        "p": {"type": ["number", "null"]},
        "problem": _TEXT,
        "cancelled": {"type": "boolean"},
        "state": {"type": "object", "additionalProperties": _TEXT},
        "requests": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["number", "at", "answer", "exit_code", "status", "seconds", "cluster"],
                "properties": {
                    **dict.fromkeys(("number", "exit_code", "status", "local_port"), _INTEGER),
                    **dict.fromkeys(("at", "seconds"), _NUMBER),
                    "answer": {"enum": ["answered", "refused", "timed out", "name not resolved", "reset", "failed"]},
                    **dict.fromkeys(("cluster", "pod", "node", "attribution", "story", "body", "remote"), _TEXT),
                },
            },
        },
    },
}
"""JSON Schema of `record`'s result."""


def record(
    spec: LoadSpec,
    cluster: str,
    pod: str,
    started: float,
    requests: Sequence[Request],
    shares: Mapping[str, float] | None = None,
    ended: LoadEnded | None = None,
    state: Mapping[str, str] | None = None,
    *,
    summary: Summary | None = None,
    service: str = "",
    verdict: Verdict | None = None,
) -> dict[str, Any]:
    """A run as plain data that fits SCHEMA. `state` is what the outcome depends on, by name, for `changes`.

    `summary` is given when `requests` are not all of the run's, `verdict` when more is known than the shares.
    """
    summary = summary or summarise(requests)
    verdict = verdict or verdict_on(summary, shares)
    plain = to_builtins(summary)
    plain["by_status"] = {str(status): count for status, count in summary.by_status.items()}
    plain["histogram"] = list(summary.histogram)
    plain["histogram_bounds"] = list(BOUNDS)
    return {
        "version": VERSION,
        "from": {
            "cluster": cluster,
            "context": spec.context,
            "namespace": spec.namespace,
            "workload": spec.workload,
            "pod": pod,
        },
        "url": discreet(spec.url),
        "service": service,
        "spec": {
            "count": spec.total,
            "concurrency": spec.concurrency,
            "rate": spec.rate,
            "max_time": spec.max_time,
            "duration": spec.duration,
            "method": spec.method,
            "http2": spec.http2,
        },
        "started": started,
        "summary": plain,
        "expected": dict(shares) if shares is not None else None,
        "verdict": verdict.fit.value if verdict else None,
        "p": verdict.p if verdict else None,
        "problem": ended.problem if ended else "",
        "cancelled": ended.cancelled if ended else False,
        "state": dict(state or {}),
        "requests": [to_builtins(request) for request in requests],
    }


def verdict_on(
    summary: Summary,
    shares: Mapping[str, float] | None,
    foretold: str = "",
    known: Collection[str] = (),
    altered: Sequence[str] = (),
) -> Verdict | None:
    """How a run compares with its prediction; None where there is none, unless nobody answered.

    `altered`: what changed while it ran. One split cannot be held against two predictions.
    """
    unanswered = summary.total - summary.answered
    if shares is None:
        return failed(unanswered, summary.dns_failed) if unanswered and not summary.answered else None
    verdict = judge(
        summary.by_cluster, shares, unanswered, unresolved=summary.dns_failed, foretold=foretold, known=known
    )
    if altered and verdict.fit in (Fit.IMPOSSIBLE, Fit.UNLIKELY):
        return Verdict(Fit.NOTHING, 1.0, f"not compared, it changed during the run: {altered[0]}")
    return verdict


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs between the states of two records, one sentence each."""
    return changed(before.get("state") or {}, after.get("state") or {})


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What differs between two of a run's surroundings, one sentence each."""
    return [
        f"{name}: {old.get(name, 'absent')} → {new.get(name, 'absent')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
