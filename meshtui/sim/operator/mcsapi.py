"""ServiceExports and ServiceImports of one cluster: conditions, the derived Service and the slices behind it."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

from meshtui.sim.api import defaults
from meshtui.sim.api.registry import BY_GVR, MCS_OPTION, ApiResource
from meshtui.sim.controllers.loop import NAMESPACES, SERVICES, SLICES, Loop, owner_ref
from meshtui.sim.datapath.exports import imports, namespace_is_global
from meshtui.sim.datapath.view import MCS_EXPORTS, MCS_IMPORTS, NAME_LABEL, View, view
from meshtui.sim.operator.exports import Export, derived_name, export_of, merged, oldest_first
from meshtui.sim.operator.slices import GLOBAL, MANAGED, SOURCE

Object = dict[str, Any]
Key = tuple[str, str]
LOCAL = "endpointslice-local-mcsapi-controller.cilium.io"
ORIGIN, IMPORTED = "service.cilium.io/local-endpointslice", "multicluster.kubernetes.io/service-name"
DERIVED = "multicluster.kubernetes.io/derived-service"
DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
API = "multicluster.x-k8s.io/v1alpha1"


class McsApi:
    """One cluster's side of it; what it heard of the others stays while a link is broken."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store
        self._heard: dict[str, dict[Key, Export]] = {}

    def sync(self) -> None:
        """Bring conditions, imports, derived Services and their slices up to date."""
        known = view(self._loop.cluster)
        if known.config().get(MCS_OPTION) != "true":
            return
        self._define()
        own = self._own(known)
        everybody: dict[Key, list[Export]] = defaultdict(list)
        for exports in (own, *self._others(known)):
            for key, export in exports.items():
                everybody[key].append(export)
        for key, all_of_it in everybody.items():
            if self._store.entry(NAMESPACES, "", key[0]) is not None:
                self._import(known, key, oldest_first(all_of_it), exported=key in own)
        for held in self._store.list(MCS_IMPORTS):
            key = (held["metadata"]["namespace"], held["metadata"]["name"])
            if key not in everybody:
                self._store.delete(MCS_IMPORTS, *key)

    def _define(self) -> None:
        """Install the definitions, as the operator does first of all."""
        for gvr in (MCS_EXPORTS, MCS_IMPORTS):
            if self._store.entry(DEFINITIONS, "", f"{gvr[1]}.{gvr[0]}") is None:
                self._store.create(DEFINITIONS, _definition(BY_GVR[gvr]))

    def _others(self, known: View) -> list[dict[Key, Export]]:
        world = known.cluster.world
        frozen = imports(world).frozen
        for name in known.remotes():
            if (known.name, name) not in frozen:
                other = view(world.clusters[name])
                on = other.config().get(MCS_OPTION) == "true"
                self._heard[name] = {k: e for k, e, why in _exports(other) if not why} if on else {}
        return [self._heard.get(name, {}) for name in known.remotes()]

    def _own(self, known: View) -> dict[Key, Export]:
        """Valid exports of the cluster itself; the others are told why they are none."""
        found = {}
        for key, export, why in _exports(known):
            if why:
                told = [("Valid", "False", *why), *self._ready(known, "False", "Pending")]
                self._condition(key, told, drop="Conflict")
            else:
                found[key] = export
        return found

    @staticmethod
    def _ready(known: View, status: str, reason: str) -> list[tuple[str, str, str, str]]:
        """The Ready condition, which came with 1.19."""
        text = "ServiceExport is ready" if status == "True" else "ServiceExport is not valid"
        return [("Ready", status, reason, text)] if known.version >= (1, 19) else []

    def _condition(self, key: Key, wanted: list[tuple[str, str, str, str]], drop: str = "") -> None:
        found = self._store.get(MCS_EXPORTS, *key)
        if found is None:
            return
        before = {c["type"]: c for c in (found.get("status") or {}).get("conditions") or []}
        before.pop(drop, None)
        for kind, status, reason, message in wanted:
            told = {"type": kind, "status": status, "reason": reason, "message": message}
            old = before.get(kind)
            if old is None or any(old[k] != v for k, v in told.items()):
                same = old is not None and old["status"] == status
                moment = old["lastTransitionTime"] if old is not None and same else self._loop.now()
                before[kind] = {"lastTransitionTime": moment, **told}
        self._loop.set_status(MCS_EXPORTS, found, {**(found.get("status") or {}), "conditions": list(before.values())})

    def _import(self, known: View, key: Key, ordered: list[Export], *, exported: bool) -> None:
        ports, reason, message = merged(ordered)
        if exported:
            conflict = ("True", reason, message) if message else ("False", reason, "ServiceExport has no conflicts")
            valid = ("Valid", "True", "Valid", "ServiceExport is valid")
            self._condition(key, [valid, *self._ready(known, "True", "Ready"), ("Conflict", *conflict)])
        oldest = ordered[0]
        spec: Object = {"ports": ports, "type": oldest.type, "sessionAffinity": oldest.affinity}
        if oldest.affinity_config:
            spec["sessionAffinityConfig"] = copy.deepcopy(oldest.affinity_config)
        derived = self._derived(known, key, oldest, ports, self._kept_import(key, oldest, spec))
        if derived["spec"].get("clusterIP") not in ("None", "", None):
            spec["ips"] = [derived["spec"]["clusterIP"]]
        made = self._kept_import(key, oldest, spec, derived["metadata"]["name"])
        self._loop.set_status(MCS_IMPORTS, made, {"clusters": [{"cluster": e.cluster} for e in ordered]})
        self._mirror(known, key, derived, exported=exported)

    def _kept_import(self, key: Key, oldest: Export, spec: Object, derived: str = "") -> Object:
        """The ServiceImport, made or changed to this."""
        found = self._store.get(MCS_IMPORTS, *key)
        meta: Object = {"name": key[1], "namespace": key[0]} if found is None else copy.deepcopy(found["metadata"])
        known = (meta.get("annotations") or {}).get(DERIVED, "")
        notes = {**oldest.annotations, **({DERIVED: derived or known} if derived or known else {})}
        meta["annotations"] = notes
        meta.pop("labels", None)
        meta |= {"labels": dict(oldest.labels)} if oldest.labels else {}
        if found is None:
            obj = {"apiVersion": API, "kind": "ServiceImport", "metadata": meta | {"generation": 1}, "spec": spec}
            return self._store.create(MCS_IMPORTS, obj)
        if not derived and "ips" in found.get("spec", {}):
            spec = {**spec, "ips": found["spec"]["ips"]}
        return self._store.update(MCS_IMPORTS, {**found, "metadata": meta, "spec": spec})

    def _derived(self, known: View, key: Key, oldest: Export, ports: list[Object], owner: Object) -> Object:
        """The Service that stands for an import."""
        name = derived_name(*key)
        found = self._store.get(SERVICES, key[0], name)
        headless = oldest.type == "Headless"
        if found is not None and headless != (found["spec"].get("clusterIP") == "None"):
            self._store.delete(SERVICES, key[0], name)
            found = None
        notes = {k: v for k, v in oldest.annotations.items() if k != DERIVED}
        meta: Object = copy.deepcopy(found["metadata"]) if found else {"name": name, "namespace": key[0]}
        meta["annotations"] = {**notes, DERIVED: name, GLOBAL: "true"}
        meta["labels"] = {**oldest.labels, IMPORTED: key[1], SOURCE: known.name}
        meta["ownerReferences"] = [owner_ref(owner)]
        held = {k: v for k, v in (found or {}).get("spec", {}).items() if k != "ports"}
        targets = self._targets(key)
        spec: Object = {
            **held,
            "type": "ClusterIP",
            "sessionAffinity": oldest.affinity,
            "ports": [{**p, "targetPort": targets.get(p["port"], p["port"])} for p in ports],
            **({"clusterIP": "None"} if headless else {}),
        }
        service: Object = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
        service["status"] = copy.deepcopy((found or {}).get("status") or {"loadBalancer": {}})
        defaults.fill(self._loop.cluster, BY_GVR[SERVICES], service)
        return self._store.update(SERVICES, service) if found else self._store.create(SERVICES, service)

    def _targets(self, key: Key) -> dict[int, Any]:
        """Where the ports of the exported Service itself lead."""
        service = self._store.get(SERVICES, *key) or {}
        return {p["port"]: p["targetPort"] for p in service.get("spec", {}).get("ports") or () if "targetPort" in p}

    def _mirror(self, known: View, key: Key, derived: Object, *, exported: bool) -> None:
        """Slices of the derived Service that repeat the exported one's, without ports that conflict."""
        name = derived["metadata"]["name"]
        held = {}
        for piece in self._store.list(SLICES, key[0]):
            labels = piece["metadata"].get("labels") or {}
            if labels.get(MANAGED) == LOCAL and labels.get(NAME_LABEL) == name:
                held[labels.get(ORIGIN, "")] = piece
        for piece in list(known.service_slices(*key)) if exported else ():
            ports = self._agreed(key, derived, piece)
            if not ports:
                continue
            origin = piece["metadata"]["name"]
            labels = {
                **derived["metadata"]["labels"], NAME_LABEL: name, MANAGED: LOCAL, ORIGIN: origin, SOURCE: known.name,
                IMPORTED: key[1],
            }  # fmt: skip
            content = {
                "addressType": piece["addressType"],
                "endpoints": copy.deepcopy(piece.get("endpoints") or []),
                "ports": ports,
            }
            old = held.pop(origin, None)
            if old is not None:
                meta = {**copy.deepcopy(old["metadata"]), "labels": labels}
                self._store.update(SLICES, {**old, **content, "metadata": meta})
                continue
            meta = {
                "name": f"{name}-{origin.removeprefix(key[1]).lstrip('-.')}", "namespace": key[0], "generation": 1,
                "labels": labels, "ownerReferences": [owner_ref(derived)],
            }  # fmt: skip
            made = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta, **content}
            self._store.create(SLICES, made)
        for piece in held.values():
            self._store.delete(SLICES, key[0], piece["metadata"]["name"])

    def _agreed(self, key: Key, derived: Object, piece: Object) -> list[Object]:
        service = self._store.get(SERVICES, *key) or {"spec": {}}
        own = {p.get("name", ""): (p["port"], p.get("protocol", "TCP")) for p in service["spec"].get("ports") or ()}
        joint = {p.get("name", ""): (p["port"], p.get("protocol", "TCP")) for p in derived["spec"]["ports"]}
        named = [(p, p.get("name") or "") for p in piece.get("ports") or ()]
        return [copy.deepcopy(p) for p, name in named if name in joint and own.get(name) == joint[name]]


def _definition(resource: ApiResource) -> Object:
    names = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "shortNames": list(resource.short),
        "singular": resource.singular,
    }
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": resource.version,
        "schema": {"openAPIV3Schema": anything},
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
    }
    established = {"reason": "InitialNamesAccepted", "status": "True", "type": "Established"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}", "generation": 1},
        "spec": {
            "conversion": {"strategy": "None"},
            "group": resource.group,
            "names": names,
            "scope": "Namespaced",
            "versions": [version],
        },
        "status": {"acceptedNames": names, "conditions": [established], "storedVersions": [resource.version]},
    }


def _exports(known: View) -> list[tuple[Key, Export, tuple[str, str] | None]]:
    """Every ServiceExport with what it exports, or the reason and the words why it exports nothing."""
    found: list[tuple[Key, Export, tuple[str, str] | None]] = []
    nothing = Export("", "", "", ())
    for wanted in known.cluster.store.list(MCS_EXPORTS):
        key = (wanted["metadata"]["namespace"], wanted["metadata"]["name"])
        service = known.service(*key)
        if not namespace_is_global(known, key[0]):
            why = ("NamespaceNotGlobal", "Namespace is not global, Service cannot be exported")
        elif service is None:
            why = ("NoService", "Service doesn't exist")
        elif service["spec"].get("type") == "ExternalName":
            why = ("InvalidServiceType", "Service type ExternalName is not supported")
        else:
            found.append((key, export_of(known.name, service, wanted), None))
            continue
        found.append((key, nothing, why))
    return found
