# ruff: noqa: SIM905 - lists of words
"""Make meshtui/sim/api/kubernetes.json: field names and types of the built-in kinds, and their protobuf numbers.

    pip download --no-deps k8s-proto==0.0.3 && tar xzf k8s-proto-0.0.3.tar.gz
    python tools/kubernetes_schema.py k8s-proto-0.0.3 > meshtui/sim/api/kubernetes.json

Types and words come from the `kubernetes` package's models (Apache-2.0), numbers of core and meta from `k8s-proto`
(they never change), and those of the few other groups kubectl sends as protobuf from the table below.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
import typing
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2

ROOTS = (
    "V1ConfigMap V1Endpoints CoreV1Event V1Namespace V1Node V1Pod V1Secret V1Service V1ServiceAccount "
    "V1PersistentVolumeClaim V1DaemonSet V1Deployment V1ReplicaSet V1StatefulSet V1CronJob V1Job V1Lease "
    "V1EndpointSlice EventsV1Event V1Ingress V1NetworkPolicy V1PodDisruptionBudget V1ClusterRoleBinding "
    "V1ClusterRole V1RoleBinding V1Role V2HorizontalPodAutoscaler V1StorageClass V1LimitRange "
    "V1ResourceQuota V1ReplicationController V1PersistentVolume V1PodTemplate V1ControllerRevision "
).split()
OTHER = {
    "Deployment": "metadata:ObjectMeta spec:DeploymentSpec status:-",
    "DeploymentSpec": "replicas:int selector:LabelSelector template:PodTemplateSpec strategy:DeploymentStrategy "
    "minReadySeconds:int revisionHistoryLimit:int paused:bool -:- progressDeadlineSeconds:int",
    "DeploymentStrategy": "type:str rollingUpdate:RollingUpdateDeployment",
    "RollingUpdateDeployment": "maxUnavailable:IntOrString maxSurge:IntOrString",
    "Job": "metadata:ObjectMeta spec:JobSpec status:-",
    "JobSpec": "parallelism:int completions:int activeDeadlineSeconds:int selector:LabelSelector manualSelector:bool "
    "template:PodTemplateSpec backoffLimit:int ttlSecondsAfterFinished:int",
    "SelfSubjectAccessReview": "metadata:ObjectMeta spec:AccessReviewSpec status:-",
    "SubjectAccessReview": "metadata:ObjectMeta spec:AccessReviewSpec status:-",
    "LocalSubjectAccessReview": "metadata:ObjectMeta spec:AccessReviewSpec status:-",
    "AccessReviewSpec": "resourceAttributes:ResourceAttributes nonResourceAttributes:NonResourceAttributes user:str "
    "groups:str*",
    "ResourceAttributes": "namespace:str verb:str group:str version:str resource:str subresource:str name:str",
    "NonResourceAttributes": "path:str verb:str",
    "SelfSubjectRulesReview": "metadata:ObjectMeta spec:RulesReviewSpec status:-",
    "RulesReviewSpec": "namespace:str",
    "SelfSubjectReview": "metadata:ObjectMeta status:-",
    "TokenRequest": "metadata:ObjectMeta spec:TokenRequestSpec status:-",
    "TokenRequestSpec": "audiences:str* -:- -:- expirationSeconds:int",
    "Role": "metadata:ObjectMeta rules:PolicyRule*",
    "ClusterRole": "metadata:ObjectMeta rules:PolicyRule*",
    "PolicyRule": "verbs:str* apiGroups:str* resources:str* resourceNames:str* nonResourceURLs:str*",
    "RoleBinding": "metadata:ObjectMeta subjects:Subject* roleRef:RoleRef",
    "ClusterRoleBinding": "metadata:ObjectMeta subjects:Subject* roleRef:RoleRef",
    "Subject": "kind:str apiGroup:str name:str namespace:str",
    "RoleRef": "apiGroup:str kind:str name:str",
}
PROTO_ROOTS = (
    "ConfigMap Namespace Pod PodTemplateSpec Secret Service ServiceAccount DeleteOptions ObjectMeta "
    "LabelSelector ResourceQuota Node Event "
).split()
SCALARS = {9: "str", 8: "bool", 12: "bytes", 3: "int", 5: "int", 4: "int", 13: "int", 1: "float"}


def short(name: str) -> str:
    """A model's name without its version."""
    return re.sub(r"^V\d", "", name).replace("V1", "")


def plain(annotation: Any) -> str:
    """A type as text: `str`, `Container`, `list[Container]`, `dict[str]`, `int|str`."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return plain(args[0])
    if origin in (list, dict):
        return f"{origin.__name__}[{plain(args[-1])}]"
    if origin is not None:
        return "|".join(sorted({plain(a) for a in args if a is not type(None)}))
    return "object" if annotation is typing.Any else annotation.__name__


def models() -> dict[str, Any]:
    """Every definition that the roots reach: description and fields as [type, description]."""
    from kubernetes import client

    todo, done = list(ROOTS), {}
    while todo:
        name = todo.pop()
        if short(name) in done:
            continue
        cls = getattr(client, name)
        fields = {}
        names = list(cls.model_json_schema(by_alias=True)["properties"])
        for field, json_name in zip(cls.model_fields.values(), names, strict=True):
            kind = plain(field.annotation)
            todo += [inner for inner in re.findall(r"[A-Z]\w+", kind) if hasattr(client, inner)]
            first = re.split(r"(?<=\.)\s", " ".join((field.description or "").split()))[0]
            shown = re.sub(r"[A-Z]\w+", lambda m: short(m[0]), kind)
            fields[json_name] = [shown, first]
        done[short(name)] = fields
    return dict(sorted(done.items()))


def numbers(root: Path) -> dict[str, Any]:
    """Message name to {number: [field, type]}; a repeated type ends in `*`, a map's in `{}`."""
    messages: dict[str, Any] = {}
    for path in root.rglob("generated_pb2.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "serialized_pb":
                value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
                text = value.value if isinstance(value, ast.Constant) else ""
                data = text if isinstance(text, bytes) else text.encode("latin-1")
                for message in descriptor_pb2.FileDescriptorProto.FromString(data).message_type:
                    messages.setdefault(message.name, message)
    found: dict[str, Any] = {}
    todo = list(PROTO_ROOTS)
    while todo:
        name = todo.pop()
        if name in found or name not in messages:
            continue
        found[name] = {}
        nested = {n.name: n for n in messages[name].nested_type}
        for field in messages[name].field:
            kind = SCALARS.get(field.type) or field.type_name.rpartition(".")[2]
            if kind in nested:
                entry = nested[kind].field[1]
                inner = SCALARS.get(entry.type) or entry.type_name.rpartition(".")[2]
                todo.append(inner)
                kind = inner + "{}"
            else:
                todo.append(kind)
                kind += "*" if field.label == 3 else ""
            found[name][str(field.number)] = [field.name, kind]
    for name, line in OTHER.items():
        pairs = [p.split(":") for p in line.split()]
        found[name] = {str(i): p for i, p in enumerate(pairs, 1) if p[1] != "-"}
    return dict(sorted(found.items()))


if __name__ == "__main__":
    importlib.invalidate_caches()
    table = {"types": models(), "protobuf": numbers(Path(sys.argv[1]))}
    sys.stdout.write(json.dumps(table, separators=(",", ":"), ensure_ascii=False) + "\n")
