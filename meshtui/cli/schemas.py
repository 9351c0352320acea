"""`meshtui schema VERB`: the JSON schemas of what verbs print with `-o json`, each with a version of its own.

A field that is there stays, with its type, while the version stays; more fields may come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshtui.cli import output
from meshtui.core.errors import Exit

Schema = dict[str, Any]
OF = {
    "status": ("status", "status-watch"),
    "nodes": ("nodes",),
    "services": ("services", "explain", "findings"),
    "findings": ("findings", "findings-fix"),
    "flows": ("flows",),
    "policies": ("policies", "policies-check", "policies-diff", "policies-apply", "policies-suggest"),
    "annotate": ("annotate",),
    "drill": ("drill",),
    "undo": ("undo", "undo-list"),
    "load": ("load", "load-history", "load-compare"),
    "lab": ("lab-status", "lab-step", "lab-check"),
    "info": ("info",),
    "simulate": ("simulate",),
}
"""Verb → the schemas of what it prints as JSON."""
NAMES = (*dict.fromkeys(name for names in OF.values() for name in names), "config")
_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_TRUTH: Schema = {"type": "boolean"}
_MAYBE_TRUTH: Schema = {"type": ["boolean", "null"]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_SHARES: Schema = {"type": "object", "additionalProperties": {"type": "number"}}
_COUNTS: Schema = {"type": "object", "additionalProperties": _COUNT}
_ANY: Schema = {}


def main(arguments: Any) -> int:
    """Print one, or their names."""
    if not arguments.of:
        output.show([{"schema": name, "version": version_of(name)} for name in NAMES], ("schema", "version"), "table")
        return Exit.OK
    output.document(schema(arguments.of), "json")
    return Exit.OK


def schema(name: str) -> Schema:
    """The schema of that name. Raises KeyError."""
    made = _MAKERS[name]()
    body = {key: value for key, value in made.items() if key != "$schema"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:meshtui:schema:{name}:{version_of(name)}",
        "title": f"meshtui {name}",
        **body,
    }


def version_of(name: str) -> int:
    """Rises when a field goes or means something else."""
    return _VERSIONS.get(name, 1)


_VERSIONS = {"status": 2, "services": 2, "policies": 2, "annotate": 2}


def _object(required: Mapping[str, Schema], **more: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **more}}


def _rows(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _status() -> Schema:
    from meshtui.core.findings.schema import SCHEMA

    return SCHEMA


def _nodes() -> Schema:
    texts = ("context", "cluster", "name", "ready", "reason", "pod_cidr", "internal_ip", "kubelet")
    return _rows(_object({**dict.fromkeys(texts, _TEXT), "created": _MAYBE_TEXT}))


def _services() -> Schema:
    here = {
        "service": _TEXT,
        "context": _TEXT,
        "cluster": _TEXT,
        "present": {"const": True},
        "kind": _TEXT,
        "global": _TRUTH,
        "shared": _TRUTH,
        "affinity": {"enum": ["none", "local", "remote"]},
        "exported": _TRUTH,
        "written": {"type": "object", "additionalProperties": _MAYBE_TEXT},
        "not_read": _TEXTS,
        "ready": _COUNT,
        "total": _COUNT,
        "ports": _TEXT,
        "traffic": _TEXT,
        "counts": _COUNTS,
        "shares": _SHARES,
        "failover": _TRUTH,
    }
    gone = {"service": _TEXT, "context": _TEXT, "cluster": _TEXT, "present": {"const": False}, "traffic": _TEXT}
    return _rows({"oneOf": [_object(here), _object(gone)]})


def _finding() -> Schema:
    fix = _object({"context": _TEXT, "service": _TEXT, "annotation": _TEXT, "value": _MAYBE_TEXT})
    return _object(
        {
            "severity": {"enum": ["error", "warning", "info"]},
            "clusters": _TEXTS,
            "object": _TEXT,
            "kind": _TEXT,
            "finding": _TEXT,
            "evidence": _TEXTS,
            "since": _MAYBE_TEXT,
            "still_works": _TEXT,
            "because": _MAYBE_TEXT,
            "cannot_be_seen": _TEXT,
            "advice": _TEXT,
            "fixes": _rows(fix),
        },
        number={"type": "integer", "minimum": 1},
    )


def _explain() -> Schema:
    client = _object(
        {
            "clients_in": _TEXT,
            "goes_to": _TEXT,
            "backends": _TEXTS,
            "shares": _SHARES,
            "affinity": _TEXT,
            "failover": _TRUTH,
            "agent": _MAYBE_TEXT,
            "disagreements": _TEXTS,
            "notes": _TEXTS,
            "unused": _rows(_object({"cluster": _TEXT, "backend": _TEXT, "reason": _TEXT, "why": _TEXT})),
        }
    )
    cell = _object({"cluster": _TEXT, "context": _TEXT, "present": _TRUTH}, ready=_COUNT, total=_COUNT)
    return _object(
        {
            "namespace": _TEXT,
            "name": _TEXT,
            "meshed": _TRUTH,
            "fault": _TRUTH,
            "clusters": _rows(cell),
            "clients": _rows(client),
            "drops": _rows(
                _object({"why": _TEXT, "count": _COUNT, "last": _MAYBE_TEXT, "fix": _TEXT, "notes": _TEXTS})
            ),
            "findings": _rows(_finding()),
        }
    )


def _flows() -> Schema:
    """Hubble's own form of a GetFlowsResponse; its fields are Hubble's, by its versions."""
    flow = {"type": "object", "required": ["time"], "properties": {"time": _TEXT, "verdict": _TEXT, "uuid": _TEXT}}
    return _rows(_object({"flow": flow, "time": _TEXT}, node_name=_TEXT))


def _policies() -> Schema:
    cell = _object(
        {
            **dict.fromkeys(("context", "cluster", "state", "message"), _TEXT),
            "created": {"type": ["string", "number", "null"]},
            "selects": {"type": ["array", "null"], "items": _TEXT},
            "closes": _TEXTS,
            "does": _TEXTS,
        }
    )
    texts = ("policy", "kind", "namespace", "name", "subject", "description")
    lists = ("in", "closes", "does")
    return _rows(
        _object(
            {**dict.fromkeys(texts, _TEXT), **dict.fromkeys(lists, _TEXTS), "selects": _ANY, "clusters": _rows(cell)}
        )
    )


def _config() -> Schema:
    from meshtui.core.configuration import schema as config_schema

    return config_schema()


def _changes() -> Schema:
    texts = ("context", "cluster", "verb", "kind", "object", "what", "result", "kubectl")
    values = {"before": {"type": ["string", "integer", "null"]}, "after": {"type": ["string", "integer", "null"]}}
    return _rows(
        _object({**dict.fromkeys(texts, _TEXT), **values, "ok": _TRUTH, "effects": _TEXTS, "warnings": _TEXTS})
    )


def _undo_list() -> Schema:
    return _rows(_object({"at": _TEXT, "change": _TEXT, "contexts": _TEXTS, "values": _TEXTS}))


def _load() -> Schema:
    from meshtui.core.load.record import SCHEMA

    return _rows({key: value for key, value in SCHEMA.items() if key not in ("$schema", "title")})


def _watch() -> Schema:
    """One line of `status --watch -o jsonl`."""
    return _object({**dict.fromkeys(("what", "name", "verdict", "detail"), _TEXT),
                    **dict.fromkeys(("at", "was", "since"), _MAYBE_TEXT), "causes": _TEXTS})  # fmt: skip


def _check() -> Schema:
    side = {"cluster": _TEXT, "decision": _TEXT, "policies": _TEXTS, "doubts": _TEXTS, "notes": _TEXTS}
    direction = {**_object(side), "type": ["object", "null"]}
    texts = ("verdict", "source", "destination", "port", "why", "fix")
    return _rows(_object({**dict.fromkeys(texts, _TEXT), "egress": direction, "ingress": direction}))


def _diff() -> Schema:
    texts = ("context", "cluster", "policy", "kind")
    return _rows(_object({**dict.fromkeys(texts, _TEXT), "state": {"enum": ["new", "changed"]}, "diff": _TEXTS}))


def _apply() -> Schema:
    """Of `policies delete`, too."""
    texts = ("context", "cluster", "policy", "kind", "verb", "result")
    return _rows(_object({**dict.fromkeys(texts, _TEXT), "agents": _MAYBE_TEXT, "ok": _TRUTH}))


def _suggest() -> Schema:
    texts = ("context", "cluster", "direction", "manner")
    return _rows(_object({**dict.fromkeys(texts, _TEXT), "manifest": {"type": "object"}, "opens": _TEXTS,
                          "beyond": _TEXTS}))  # fmt: skip


def _compare() -> Schema:
    contrast = _object({"what": _TEXT, "before": _ANY, "after": _ANY})
    return _object({"contrasts": _rows(contrast), "changes": _TEXTS})


_STEP: dict[str, Schema] = {"number": {"type": "integer", "minimum": 1}, "step": _TEXT}


def _lab_status() -> Schema:
    return _rows(_object({**_STEP, "what": _TEXT, "ok": _TRUTH, "state": _TEXT}))


def _lab_check() -> Schema:
    result: dict[str, Schema] = {
        "result": {"enum": ["ok", "failed", "skipped"]},
        "seconds": {"type": "number", "minimum": 0},
    }
    return _rows(_object({**_STEP, **result, "said": _TEXT, "seen": _TEXTS}))


def _simulate() -> Schema:
    relays = {"type": "object", "additionalProperties": _TEXT}
    return _object({"kubeconfig": _TEXT, "contexts": _TEXTS, "relays": relays, "control": _TEXT})


def _info() -> Schema:
    return _object({"rows": _rows(_object({"what": _TEXT, "value": _ANY, "from": _TEXT}))})


_MAKERS: dict[str, Callable[[], Schema]] = {
    "status": _status,
    "nodes": _nodes,
    "services": _services,
    "explain": _explain,
    "findings": lambda: _rows(_finding()),
    "flows": _flows,
    "policies": _policies,
    "annotate": _changes,
    "drill": _changes,
    "undo": _changes,
    "undo-list": _undo_list,
    "load": _load,
    "load-history": _load,
    "info": _info,
    "config": _config,
    "status-watch": _watch,
    "findings-fix": _changes,
    "policies-check": _check,
    "policies-diff": _diff,
    "policies-apply": _apply,
    "policies-suggest": _suggest,
    "load-compare": _compare,
    "lab-status": _lab_status,
    "lab-step": lambda: _rows(_object({**_STEP, "what": _TEXT})),
    "lab-check": _lab_check,
    "simulate": _simulate,
}
