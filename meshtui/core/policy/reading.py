"""How one cluster reads policies: what its version of Cilium does differently, and the options that matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.state import Cluster
from meshtui.core.routing.annotations import is_true

Version = tuple[int, int]
UNKNOWN: Version = (0, 0)
"""A version that is not known; it counts as the newest."""


class Behaviours(Struct, frozen=True):
    """What differs between Cilium's versions in the reading of policies; the values of the class are the newest's."""

    sections_required: bool = True
    """A rule without ingress, egress and their denials is refused (pkg/policy/api/rule_validation.go)."""
    node_rule_refuses_policy: bool = True
    """A nodeSelector in a namespaced policy makes the agent refuse all of it, not this rule alone."""
    requires: bool = False
    """`fromRequires` and `toRequires` narrow the selectors of every policy; later the schema refuses them."""
    services_with_selector: bool = True
    """toServices follows the selector of a Service; before, only Services without one counted (pkg/policy/k8s)."""
    services_with_ports: bool = True
    """toServices may stand beside toPorts."""
    dotted_service_selectors: bool = True
    """A dot in a key of a Service's selector is read as a dot, not as the end of a label's source (cilium #41151)."""
    named_ports_by_destination: bool = True
    """In egress a port's name means each destination's own number (#44429, #45760), not the one of the cluster."""
    range_from_zero: bool = True
    """Port 0 with an endPort is a range; before, it was every port (pkg/policy/portrange.go)."""
    cidr_groups_are_labels: bool = True
    """Members of a CIDR group carry its labels; before, a reference was written out, and emptied the other rules."""
    no_cidr_left_is_nobody: bool = True
    """A CIDR whose exceptions leave nothing matches nobody, also beside ports."""
    ipblock_admits_namespace: bool | None = False
    """An ipBlock in a NetworkPolicy's ingress admits the namespace's pods, too (mended by #46305 and, in some patch
    release of 1.19, by #46456: None where the minor version does not tell)."""
    cloud_groups_are_groups: bool = True
    """toGroups counts by a CIDR group that the operator fills (#44704), not by a policy derived from it."""
    cluster_mesh_entity: bool = True
    """The entity `cluster-mesh` exists."""
    nodes_alone: bool = True
    """fromNodes and toNodes mean nodes only, whatever their selector says."""
    ranked_entries: bool = True
    """Entries of the policy map have a precedence: a rule for the proxy decides beside a more specific plain one."""
    other_l7: bool = False
    """Kafka and other L7 protocols have rules; later the schema drops them, and what is left is a plain rule."""
    authentication_checked: bool = True
    """The operator marks `authentication` invalid where it is switched off, the agents enforce it (#42665)."""


_NEWEST = Behaviours()
_1_20 = _NEWEST
_1_19 = replace(
    _1_20,
    dotted_service_selectors=False,
    named_ports_by_destination=False,
    ipblock_admits_namespace=None,
    cloud_groups_are_groups=False,
    cluster_mesh_entity=False,
    other_l7=True,
)
_1_18 = replace(_1_19, requires=True, authentication_checked=False)
_1_17 = replace(
    _1_18,
    sections_required=False,
    node_rule_refuses_policy=False,
    services_with_selector=False,
    services_with_ports=False,
    range_from_zero=False,
    cidr_groups_are_labels=False,
    no_cidr_left_is_nobody=False,
    ipblock_admits_namespace=False,
    nodes_alone=False,
    ranked_entries=False,
)
BEHAVIOURS: Mapping[Version, Behaviours] = {(1, 17): _1_17, (1, 18): _1_18, (1, 19): _1_19, (1, 20): _1_20}
"""By the version a behaviour came with. 1.17 and 1.19 were measured against Cilium's own engine (builds of August
2024 and January 2026); of 1.18, 1.20 and 1.21 what upstream's issues say. See docs/policies.md."""


def behaviours(version: Version) -> Behaviours:
    """What a version does: the newest for one not known, the oldest of the table for an older one."""
    if version == UNKNOWN:
        return _NEWEST
    known = [v for v in BEHAVIOURS if v <= version]
    return BEHAVIOURS[max(known)] if known else _1_17


@dataclass(frozen=True, slots=True)
class Reading:
    """The way one cluster reads policies. Two clusters with an equal reading understand a policy alike."""

    cluster: str = ""
    """Its own name in the mesh."""
    local: str = ""
    """The cluster that a selector without cluster label means, empty where it means any."""
    version: Version = UNKNOWN
    always_deny: bool = False
    """The option enable-non-default-deny-policies is off."""
    node_selectors: bool = False
    """enable-node-selector-labels."""
    l7_proxy: bool = True
    icmp_rules: bool = True
    mutual_authentication: bool = False
    """mesh-auth-enabled."""
    other_protocols: bool = False
    """enable-extended-ip-protocols: ports may be empty."""
    localhost: bool = True
    """A pod's own node may enter it where no rule denies that (allow-localhost)."""
    cidrs_match_nodes: bool = False
    """policy-cidr-match-mode has `nodes`."""
    mode: str = "default"
    """enable-policy: default, always or never."""
    does: Behaviours = field(default=_NEWEST, compare=False)


def reading(name: str, config: CiliumConfig | None) -> Reading:
    """How the cluster of this name and configuration reads policies; without one, as the newest with no option set."""
    if config is None:
        return Reading(name, name)
    data = config.data

    def on(key: str, *, unless: bool) -> bool:
        value = data.get(key)
        return unless if value is None else is_true(value)

    return Reading(
        cluster=name,
        local=name if config.policy_default_local_cluster else "",
        version=config.version,
        always_deny=not on("enable-non-default-deny-policies", unless=True),
        node_selectors=on("enable-node-selector-labels", unless=False),
        l7_proxy=on("enable-l7-proxy", unless=True),
        icmp_rules=on("enable-icmp-rules", unless=True),
        mutual_authentication=on("mesh-auth-enabled", unless=False),
        other_protocols=on("enable-extended-ip-protocols", unless=False),
        localhost=data.get("allow-localhost", "auto") != "policy",
        cidrs_match_nodes="nodes" in data.get("policy-cidr-match-mode", ""),
        mode=(data.get("enable-policy") or "default").lower(),
        does=behaviours(config.version),
    )


def reading_of(cluster: Cluster) -> Reading:
    """How a cluster of the mesh reads policies."""
    return reading(cluster.cilium_name, cluster.config)
