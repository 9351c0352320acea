"""The JSON schema of what `meshtui status -o json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.core.findings.report import VERSION
from meshtui.core.health.model import Verdict


def _object(required: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **more}}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_MAYBE_NUMBER: dict[str, Any] = {"type": ["number", "null"]}
_COUNT: dict[str, Any] = {
    "type": ["object", "null"],
    "required": ["ready", "total"],
    "properties": {"ready": {"type": "integer"}, "total": {"type": "integer"}},
}
"""How many are ready, of how many; null where that is not known."""
_VERDICT: dict[str, Any] = {"type": "string", "enum": [verdict.value for verdict in Verdict]}
_STATEMENT = _object(
    {"source": _TEXT, "text": _TEXT, "passed": {"type": ["boolean", "null"]}, "age_seconds": _MAYBE_NUMBER}
)
_JUDGED: dict[str, Any] = {
    "verdict": _VERDICT,
    "detail": _TEXT,
    "since": _MAYBE_TEXT,
    "causes": _list(_TEXT),
    "claims": _list(_STATEMENT),
    "observations": _list(_STATEMENT),
}
_REMOTE: dict[str, Any] = {
    "type": ["object", "null"],
    "required": ["connected", "ready", "status", "nodes", "endpoints", "identities", "services", "failures"],
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "meshtui status",
    **_object(
        {
            "version": {"type": "integer", "enum": [VERSION]},
            "at": _MAYBE_TEXT,
            "verdict": _VERDICT,
            "summary": _TEXT,
            "clusters": _list(
                _object(
                    {
                        "context": _TEXT,
                        "cluster": _TEXT,
                        "also": {"type": "array", "items": _TEXT},
                        "id": _MAYBE_NUMBER,
                        "state": _TEXT,
                        **_JUDGED,
                        "kubernetes": _TEXT,
                        "cilium": _MAYBE_TEXT,
                        "nodes": _COUNT,
                        "agents": _COUNT,
                        "relay": _TEXT,
                        "problem": _MAYBE_TEXT,
                        "next": _MAYBE_TEXT,
                        "components": _list(
                            _object({"component": _TEXT, "desired": _NUMBER, "ready": _NUMBER, "verdict": _VERDICT})
                        ),
                        "node_list": _list(_object({"node": _TEXT, **_JUDGED, "agent": _MAYBE_TEXT})),
                    }
                )
            ),
            "links": _list(
                _object(
                    {
                        "context": _TEXT,
                        "from": _TEXT,
                        "to": _TEXT,
                        "state": _TEXT,
                        **_JUDGED,
                        "agents": _COUNT,
                        "agents_unheard": _NUMBER,
                        "latency_ms": _MAYBE_NUMBER,
                        "shared_services": _NUMBER,
                        "silent_nodes": _list(_TEXT),
                        "kvstoremesh": _REMOTE,
                        "by_node": {"type": "object", "additionalProperties": _REMOTE},
                    }
                )
            ),
            "services": _list(_object({"service": _TEXT, **_JUDGED, "requests": _NUMBER, "failed": _NUMBER})),
            "findings": _list(
                _object(
                    {
                        "severity": {"type": "string", "enum": ["error", "warning", "info"]},
                        "clusters": _list(_TEXT),
                        "object": _TEXT,
                        "kind": _TEXT,
                        "finding": _TEXT,
                        "evidence": _list(_TEXT),
                        "since": _MAYBE_TEXT,
                        "still_works": _TEXT,
                        "because": _MAYBE_TEXT,
                        "cannot_be_seen": _TEXT,
                        "advice": _TEXT,
                    }
                )
            ),
        }
    ),
}
