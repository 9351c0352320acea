"""`cilium-dbg policy get`: the rules an agent has, as its repository prints them, and its revision."""

from __future__ import annotations

import json
from typing import Any

from meshtui.sim.datapath.policybook import default_cluster, rules_of, services_of
from meshtui.sim.datapath.view import POLICIES, View
from meshtui.sim.rulebook.rules import Scope, source_of

Object = dict[str, Any]
NAMESPACE = "k8s:io.kubernetes.pod.namespace"


def policy(known: View) -> Object:
    """What the agent's API answers: the rules as one text, and the revision."""
    scope = Scope(known.version, known.name, default_cluster(known), services_of(known), known.config())
    rules = [
        rule
        for gvr in POLICIES
        for obj in known.cluster.store.list(gvr)
        if rules_of(obj, scope)
        for rule in _rules(obj)
    ]
    return {"policy": json.dumps(rules, indent=2), "revision": known.revision}


def words(found: Object) -> str:
    """The same without `-o json`."""
    return f"{found['policy']}\nRevision: {found['revision']}\n"


def _rules(obj: Object) -> list[Object]:
    """Each of a policy's specs with the labels that say whose it is."""
    labels = [_label(text) for text in source_of(obj).labels]
    return [{**_subject(obj, spec), "labels": labels} for spec in (obj.get("spec"), *(obj.get("specs") or ())) if spec]


def _label(text: str) -> Object:
    name, _, value = text.partition("=")
    source, _, key = name.partition(":")
    return {"key": key, "value": value, "source": source}


def _subject(obj: Object, spec: Object) -> Object:
    """With the namespace that the agent adds to whom it selects."""
    kept = {key: value for key, value in spec.items() if key not in ("endpointSelector", "podSelector", "policyTypes")}
    chosen = spec.get("endpointSelector") or spec.get("podSelector") or {}
    found: Object = {}
    written = chosen.get("matchLabels") or {}
    marks = {key if ":" in key else f"any:{key}": value for key, value in written.items()}
    namespace = obj["metadata"].get("namespace")
    if namespace:
        marks[NAMESPACE] = namespace
    if marks:
        found["matchLabels"] = marks
    if chosen.get("matchExpressions"):
        found["matchExpressions"] = chosen["matchExpressions"]
    return {"endpointSelector": found, **kept}
