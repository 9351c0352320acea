"""The CustomResourceDefinitions that Cilium's operator makes, by version (recorded of 1.17 and about 1.19)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from meshtui.sim.crd.kinds import schema
from meshtui.sim.rulebook.versions import V2_KINDS, Version

Object = dict[str, Any]
GROUP = "cilium.io"
_ANYTHING: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_OLD, _BOTH, _V2 = ("v2alpha1",), ("v2", "v2alpha1"), ("v2",)


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind: its names and the versions it is served in, the stored one first."""

    kind: str
    plural: str
    short: tuple[str, ...] = ()
    versions: tuple[str, ...] = _V2
    namespaced: bool = False
    policy: bool = False
    status: bool = True


def known(version: Version) -> tuple[Definition, ...]:
    """What a version of Cilium defines where nothing but its policies, its mesh and its defaults are on."""
    moved = _BOTH if V2_KINDS.at(version) else _OLD
    found = [
        Definition("CiliumCIDRGroup", "ciliumcidrgroups", ("ccg",), moved, status=False),
        Definition("CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", ("ccnp",), policy=True),
        Definition("CiliumEndpoint", "ciliumendpoints", ("cep", "ciliumep"), namespaced=True),
        Definition("CiliumIdentity", "ciliumidentities", ("ciliumid",)),
        Definition("CiliumL2AnnouncementPolicy", "ciliuml2announcementpolicies", ("l2announcement",), _OLD),
        Definition(
            "CiliumLoadBalancerIPPool", "ciliumloadbalancerippools", ("ippools", "ippool", "lbippool", "lbippools"),
            moved,
        ),
        Definition("CiliumNetworkPolicy", "ciliumnetworkpolicies", ("cnp", "ciliumnp"), namespaced=True, policy=True),
        Definition("CiliumNodeConfig", "ciliumnodeconfigs", (), _BOTH, namespaced=True, status=False),
        Definition("CiliumNode", "ciliumnodes", ("cn", "ciliumn")),
        Definition("CiliumPodIPPool", "ciliumpodippools", ("cpip",), _OLD, status=False),
    ]  # fmt: skip
    if not V2_KINDS.at(version):
        found.append(Definition("CiliumExternalWorkload", "ciliumexternalworkloads", ("cew",)))
    return tuple(sorted(found, key=lambda each: each.plural))


def objects(version: Version, created: str, owner: str) -> list[Object]:
    """The definitions as objects, made at a time; `owner` tells one cluster's uids from another's."""
    return [_object(each, version, created, owner) for each in known(version)]


def _object(each: Definition, version: Version, created: str, owner: str) -> Object:
    name = f"{each.plural}.{GROUP}"
    names: Object = {
        "categories": ["cilium", *(["ciliumpolicy"] if each.policy else [])],
        "kind": each.kind,
        "listKind": f"{each.kind}List",
        "plural": each.plural,
        "shortNames": list(each.short),
        "singular": each.kind.lower(),
    }
    if not each.short:
        del names["shortNames"]
    uid = uuid.uuid5(uuid.NAMESPACE_DNS, f"{owner}/{name}")
    conditions = [
        {"lastTransitionTime": created, "message": text, "reason": reason, "status": "True", "type": kind}
        for kind, reason, text in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"creationTimestamp": created, "generation": 1, "name": name, "uid": str(uid)},
        "spec": {
            "conversion": {"strategy": "None"},
            "group": GROUP,
            "names": names,
            "scope": "Namespaced" if each.namespaced else "Cluster",
            "versions": [_version(each, text, version) for text in each.versions],
        },
        "status": {"acceptedNames": names, "conditions": conditions, "storedVersions": [each.versions[0]]},
    }


def _version(each: Definition, text: str, version: Version) -> Object:
    found: Object = {
        "name": text,
        "schema": {"openAPIV3Schema": schema((GROUP, each.plural), version) or _ANYTHING},
        "served": True,
        "storage": text == each.versions[0],
    }
    return found | ({"subresources": {"status": {}}} if each.status else {})
