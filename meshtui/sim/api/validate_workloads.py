"""What is refused about pods and what runs them."""

from __future__ import annotations

import json
from typing import Any

from meshtui.sim.api.errors import Cause, required, unsupported, wrong
from meshtui.sim.api.selectors import match_labels
from meshtui.sim.store import Object

_MUTABLE = ("tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds", "schedulingGates")
_IMMUTABLE_POD = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod(obj: Object, old: Object | None) -> list[Cause]:
    """Causes to refuse a pod."""
    causes = _spec("spec", obj.get("spec") or {})
    if old is not None and _frozen(old["spec"]) != _frozen(obj["spec"]):
        causes.append(("FieldValueForbidden", f"Forbidden: {_IMMUTABLE_POD}", "spec"))
    return causes


def _frozen(spec: Object) -> Any:
    """A pod's spec without what may change."""
    kept = {k: v for k, v in spec.items() if k not in _MUTABLE}
    for field in ("containers", "initContainers"):
        kept[field] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get(field) or []]
    return kept


def workload(obj: Object, old: Object | None) -> list[Cause]:
    """Causes to refuse a Deployment, ReplicaSet, StatefulSet or DaemonSet."""
    spec = obj.get("spec") or {}
    causes: list[Cause] = []
    replicas = spec.get("replicas", 1)
    if replicas < 0:
        causes.append(wrong("spec.replicas", str(replicas), "must be greater than or equal to 0"))
    selector = spec.get("selector")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector:
        causes.append(required("spec.selector"))
    elif not match_labels(selector)(labels):
        text = "`selector` does not match template `labels`"
        causes.append(wrong("spec.template.metadata.labels", json.dumps(labels, separators=(",", ":")), text))
    if old is not None and old["spec"].get("selector") != selector:
        told = json.dumps(selector, separators=(",", ":"))
        causes.append(wrong("spec.selector", told, "field is immutable"))
    causes += _spec("spec.template.spec", template.get("spec") or {})
    policy = (template.get("spec") or {}).get("restartPolicy", "Always")
    if policy != "Always":
        causes.append(unsupported("spec.template.spec.restartPolicy", json.dumps(policy), ("Always",)))
    return causes


def _spec(path: str, spec: Object) -> list[Cause]:
    containers = spec.get("containers") or []
    if not containers:
        return [required(f"{path}.containers")]
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{path}.containers[{index}]"
        name = container.get("name")
        if not name:
            causes.append(required(f"{at}.name"))
        elif name in seen:
            causes.append(("FieldValueDuplicate", f"Duplicate value: {json.dumps(name)}", f"{at}.name"))
        seen.add(str(name))
        if not container.get("image"):
            causes.append(required(f"{at}.image"))
        known = {v.get("name") for v in spec.get("volumes") or []}
        for number, mount in enumerate(container.get("volumeMounts") or []):
            if mount.get("name") not in known:
                told = f"Not found: {json.dumps(mount.get('name'))}"
                causes.append(("FieldValueNotFound", told, f"{at}.volumeMounts[{number}].name"))
    return causes
