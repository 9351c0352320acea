"""Where Cilium's versions decide policies differently: every such rule once, with the versions that have it."""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, int]
_ALWAYS, _NEVER = (0, 0), (99, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """A rule that only some versions have: from `since` on, and no longer from `before` on."""

    what: str
    since: Version = _ALWAYS
    before: Version = _NEVER

    def at(self, version: Version) -> bool:
        """Whether that version has it."""
        return self.since <= version < self.before


LOCAL_CLUSTER_OPTION = Change("policy-default-local-cluster exists", since=(1, 18))
LOCAL_CLUSTER_DEFAULT = Change("a selector without cluster means the own cluster where nothing is set", since=(1, 19))
CLUSTER_MESH_ENTITY = Change("entity cluster-mesh", since=(1, 20))
CLUSTERWIDE_PORT_NAMES = Change(
    "egress: a port's name is one number for the whole cluster, none where pods differ (U #44429, #45760)",
    before=(1, 20),
)
PORT_RANGE_FROM_0 = Change(
    "port 0 with endPort is a range; before, every port (pkg/policy/portrange.go)", since=(1, 18)
)
HOST_KEYS_PER_PORT = Change(
    "the node's own host has keys of its own for ports that are open to anybody", before=(1, 18)
)
REDIRECT_FIRST = Change("a redirect goes before a plain allow that is more specific", since=(1, 18))
REQUIRES = Change("fromRequires and toRequires", before=(1, 19))
SERVICES_BY_SELECTOR = Change("toServices knows Services with a selector (pkg/policy/k8s/service.go)", since=(1, 18))
SERVICES_WITH_PORTS = Change("toServices may stand beside toPorts", since=(1, 18))
DOTTED_SERVICE_KEYS = Change(
    "a Service's selector key is read up to its first dot as a source (U #41151, #46732)", since=(1, 18), before=(1, 20)
)
EMPTIED_CIDRS_ARE_NONE = Change("a CIDR whose exceptions leave nothing counts as not written", before=(1, 18))
GROUP_REF_EMPTIES_OTHERS = Change(
    "one cidrGroupRef gives every other element an empty CIDR list, which selects nobody", before=(1, 18)
)
CIDR_GROUP_SELECTOR = Change("cidrGroupSelector", since=(1, 18))
SECTIONS_REQUIRED = Change("a rule without any section is refused", since=(1, 18))
NODE_SPEC_SPOILS = Change("a nodeSelector in one spec refuses the whole namespaced policy", since=(1, 18))
OPERATOR_LAST_SPEC = Change("the operator's condition tells of the last of `specs` alone", before=(1, 18))
OPERATOR_CHECKS_AUTH = Change("the operator marks authentication invalid where it is off (U #42665)", since=(1, 19))
KAFKA = Change("L7 rules for Kafka and l7proto", before=(1, 20))
PORTLESS_PROTOCOLS = Change("protocols without ports, and `port` may be left out", since=(1, 18))
TUNNEL_PROTOCOLS = Change("protocols GRE, IPIP, IPV6, ESP and AH (came between Jan and Aug 2026)", since=(1, 20))
SPEC_RULE = Change("the schema itself wants spec or specs (came between Jan and Aug 2026)", since=(1, 20))
SCHEMA_WANTS_SECTIONS = Change("the schema wants a section in every rule", since=(1, 18))
SERVER_NAMES_CHECKED = Change("the schema wants a server name, and none that is empty", since=(1, 19))
V2_KINDS = Change("CIDR groups and address pools are v2, external workloads are gone (recorded)", since=(1, 18))
POLICY_LOG = Change("spec.log", since=(1, 18))
