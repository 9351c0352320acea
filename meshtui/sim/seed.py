"""The objects a simulated cluster starts with: what was recorded of the real one at each step."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from meshtui.sim import helm, spread
from meshtui.sim.builds import build
from meshtui.sim.crd import definitions
from meshtui.sim.options import SimOptions, version_of
from meshtui.sim.scale import adapt, grow, node_ip, unpublished
from meshtui.sim.states import STATES, State

Object = dict[str, Any]
RECORDED = ("koornacht", "tion")


def canonical(state: str) -> str:
    """A state's name without its number: `10-default-deny` is `default-deny`, none is `deployed`. Raises ValueError."""
    if not state:
        return "deployed"
    number, _, rest = state.partition("-")
    name = rest if number.isdigit() else state
    if name not in STATES:
        raise ValueError(f"unknown state {state!r}; known: {', '.join(STATES)}")
    return name


def objects(options: SimOptions, cluster_name: str, cluster_id: int, state_name: str = "") -> list[Object]:
    """All objects of one cluster in `options.state`, or in another, with apiVersion and kind; the caller owns them.

    Raises ValueError on an unknown state.
    """
    state = STATES[canonical(state_name or options.state)]
    source = cluster_name if cluster_name in RECORDED else RECORDED[0]
    found = _recorded(state.base, source)
    names = options.cluster_names
    found = adapt(found, cluster_name, cluster_id, names if _meshed(state) else (), node_ip(options))
    _apply(found, state, cluster_name, source)
    _version(found, options.version_of(cluster_name))
    config = find(found, "ConfigMap", "kube-system", "cilium-config")
    if config is not None:
        created = config["metadata"]["creationTimestamp"]
        found += definitions.objects(version_of(options.version_of(cluster_name)), created, cluster_name)
    grow(found, cluster_name, cluster_id, options, installed=state.base != "0-no-cni", seeded=_meshed(state))
    if options.nodes_each > 1:
        spread.over(found, cluster_id)
    if not options.recorded:
        unpublished(found)
    helm.furnish(found, build(version_of(options.version_of(cluster_name))))
    return found


def initial_faults(state: str) -> list[Object]:
    """Faults that are part of a state: the dead link of `link-cut`, whose packets were dropped on Koornacht's node."""
    return [{"fault": name, "at": RECORDED[0]} for name in STATES[canonical(state)].faults]


CUT_AGO = 300.0
"""Seconds for which a state's own faults have lasted when it starts."""


def data(name: str) -> str:
    """Text of one packaged data file."""
    return (resources.files("meshtui.sim") / "data" / name).read_text(encoding="utf-8")


@cache
def _lines(base: str, cluster: str) -> tuple[str, ...]:
    return tuple(data(f"{base}.{cluster}.jsonl").splitlines())


def _recorded(base: str, cluster: str) -> list[Object]:
    return [msgspec.json.decode(line) for line in _lines(base, cluster)]


def _meshed(state: State) -> bool:
    return state.base == "3-deployed"


def find(objects_: list[Object], kind: str, namespace: str, name: str) -> Object | None:
    """The object of that kind and name, or None."""
    for obj in objects_:
        meta = obj["metadata"]
        if obj["kind"] == kind and meta["name"] == name and meta.get("namespace", "") == namespace:
            return obj
    return None


def _apply(found: list[Object], state: State, cluster: str, source: str) -> None:
    """Bring the recorded base to what the state's actions made of it."""
    own = state.of(cluster)
    service = find(found, "Service", "default", "rebel-base")
    if service is not None and own.annotations:
        service["metadata"].setdefault("annotations", {}).update(own.annotations)
    if own.replicas == 0:
        _scale_to_none(found)
    if state.again and cluster == RECORDED[0]:
        _replace_pods(found)
    policies = json.loads(data("policies.json"))
    for name, spec in own.policies:
        policy = policies.get(f"{name}.{cluster}") or policies[f"{name}.{source}"]
        if spec:
            policy["spec"] = {**policy["spec"], **spec}
            policy["metadata"]["generation"] = 1
            applied = {
                "apiVersion": policy["apiVersion"],
                "kind": policy["kind"],
                "metadata": {"annotations": {}, "name": name, "namespace": "default"},
                "spec": policy["spec"],
            }
            policy["metadata"]["annotations"] = {
                "kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied, separators=(",", ":")) + "\n"
            }
        found.append(policy)


def _replace_pods(found: list[Object]) -> None:
    """Put rebel-base as it was recorded after it came back from 0."""
    later = _recorded("8-affinity-remote", RECORDED[0])
    kinds = {obj["kind"] for obj in later}
    found[:] = [
        obj
        for obj in found
        if obj["kind"] not in kinds
        or obj["metadata"].get("namespace") != "default"
        or not obj["metadata"]["name"].startswith("rebel-base")
    ] + later


def _scale_to_none(found: list[Object]) -> None:
    """Leave rebel-base as a finished scale-down to 0 left it."""
    gone = {
        (o["metadata"]["namespace"], o["metadata"]["name"])
        for o in found
        if o["kind"] == "Pod" and o["metadata"]["labels"].get("name") == "rebel-base"
    }
    found[:] = [
        o
        for o in found
        if o["kind"] not in ("Pod", "CiliumEndpoint")
        or (o["metadata"].get("namespace"), o["metadata"]["name"]) not in gone
    ]
    for obj in found:
        meta = obj["metadata"]
        if meta.get("namespace") != "default" or not meta["name"].startswith("rebel-base"):
            continue
        if obj["kind"] in ("Deployment", "ReplicaSet"):
            obj["spec"]["replicas"] = 0
            meta["generation"] += 1
            obj["status"]["observedGeneration"] = meta["generation"]
            for key in ("availableReplicas", "readyReplicas", "fullyLabeledReplicas", "updatedReplicas"):
                obj["status"].pop(key, None)
            obj["status"]["replicas"] = 0
            if obj["kind"] == "Deployment":
                del obj["status"]["replicas"]
        elif obj["kind"] == "EndpointSlice":
            obj["endpoints"], obj["ports"] = None, None
            meta["generation"] += 3  # both pods leave, then the slice is emptied


def _version(found: list[Object], version: str) -> None:
    """Let another version of Cilium show where clients look: the chart's label and cilium-config."""
    if version.startswith("1.21"):
        return
    full = version if version.count(".") == 2 else f"{version}.0"
    for obj in found:
        labels = [obj["metadata"].get("labels")]
        template = obj.get("spec", {}).get("template") if isinstance(obj.get("spec"), dict) else None
        if template:
            labels.append(template["metadata"].get("labels"))
        for held in labels:
            if held and str(held.get("helm.sh/chart", "")).startswith("cilium-"):
                held["helm.sh/chart"] = f"cilium-{full}"
        if obj["kind"] == "ConfigMap" and obj["metadata"]["name"] == "cilium-config":
            set_version(obj["data"], version)


def set_version(config: dict[str, str], version: str) -> None:
    """Change cilium-config to what a chart of that version writes (recorded of 1.17, about 1.19 and 1.21)."""
    asked = version_of(version)
    for key, since in _config_versions().items():
        value = next((v for first, v in reversed(since.items()) if version_of(first) <= asked), None)
        if value is None:
            config.pop(key, None)
        else:
            config[key] = value


@cache
def _config_versions() -> dict[str, dict[str, str | None]]:
    """Keys that charts of some versions write differently: from each version on, the value or none."""
    found: dict[str, dict[str, str | None]] = json.loads(data("config-versions.json"))
    return found
