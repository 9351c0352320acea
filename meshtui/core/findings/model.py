"""What is wrong or surprising in a mesh: what it means, the evidence, and the change that would fix it."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from meshtui.core.health.model import Cause
from meshtui.core.model.severity import Severity


class Kind(Enum):
    """Every finding meshtui knows, in the order they are listed within a severity."""

    SAME_CLUSTER_ID = "two clusters share an id or name"
    MAX_CLUSTERS_DIFFER = "max-connected-clusters differs"
    API_GONE = Cause.API_GONE.value
    NODE_DOWN = Cause.NODE_DOWN.value
    AGENT_HUNG = Cause.AGENT_HUNG.value
    AGENT_DOWN = Cause.AGENT_DOWN.value
    LINK_CUT = Cause.LINK_CUT.value
    ONE_WAY = Cause.ONE_WAY.value
    OVERLAY_BLOCKED = Cause.OVERLAY_BLOCKED.value
    MTU = Cause.MTU.value
    LOSSY = Cause.LOSSY.value
    SLOW = Cause.SLOW.value
    CONTROL_BLOCKED = Cause.CONTROL_BLOCKED.value
    WRONG_ADDRESS = Cause.WRONG_ADDRESS.value
    CERTIFICATE = Cause.CERTIFICATE.value
    CERTIFICATE_EXPIRED = Cause.CERTIFICATE_EXPIRED.value
    CERTIFICATE_EXPIRES = Cause.CERTIFICATE_EXPIRES.value
    NAME_UNRESOLVED = Cause.NAME_UNRESOLVED.value
    CONTROL_PLANE = Cause.CONTROL_PLANE.value
    APISERVER_GONE = Cause.APISERVER_GONE.value
    DNS_GONE = Cause.DNS_GONE.value
    RELAY_GONE = Cause.RELAY_GONE.value
    RELAY_HELD_UP = Cause.RELAY_HELD_UP.value
    COMPONENT_SHORT = Cause.COMPONENT_SHORT.value
    NOT_SYNCED = Cause.NOT_SYNCED.value
    SERVICE_DENIED = Cause.SERVICE_DENIED.value
    SERVICE_TIMEOUT = Cause.SERVICE_TIMEOUT.value
    PODS_NOT_READY = Cause.PODS_NOT_READY.value
    CLUSTER_REPLACED = Cause.CLUSTER_REPLACED.value
    CONTROLLERS_FAILING = Cause.CONTROLLERS_FAILING.value
    HEALTH_UNREAD = Cause.HEALTH_UNREAD.value
    NO_EXEC = Cause.NO_EXEC.value
    TUNNEL_DIFFERS = "tunnel protocol or port differs"
    ENCRYPTION_DIFFERS = "encryption differs"
    CIDRS_OVERLAP = "pod networks overlap"
    NAMESPACE_DEFAULT_DIFFERS = "default of namespaces differs"
    CACHE_TTL_DIFFERS = "clustermesh-cache-ttl differs"
    NOT_CONNECTED = "clusters not connected"
    OTHER_MESH = "clusters of several meshes"
    CLOCK_OFF = "clock is off"
    NO_MESH = "no cluster id"
    OLD_IDENTITIES = "identities of an old cluster id"
    VERSION_UNKNOWN = "version of Cilium not known"
    VERSION_SKEW = "versions too far apart"
    POLICY_SCOPE_DIFFERS = "policy scope differs"
    POLICY_INVALID = "policy without effect"
    STALE_BACKENDS = "unreachable backends in rotation"
    AFFINITY_DROPS_REMOTE = "affinity drops all remote backends"
    NO_BACKENDS = "nobody serves"
    FAILOVER = "failing over now"
    POLICY_NO_DNS = "policies keep DNS away"
    POLICY_SERVICE_PORT = "policy names a Service's port"
    POLICY_NEVER_APPLIES = "rule that can never apply"
    POLICY_OVERRULED = "deny wins over an allow"
    POLICY_ALONE = "policy in one cluster only"
    POLICY_MEANS_ONE_CLUSTER = "policy means one cluster only"
    POLICY_SELECTS_NOBODY = "policy selects no pod"
    PORT_MISMATCH = "ports do not match"
    GLOBAL_ALONE = "global in one cluster only"
    SYSTEM_GLOBAL = "service of the system is global"
    SHARED_NOWHERE = "shared nowhere"
    NAMESPACE_NOT_EXPORTED = "namespace not exported"
    HEADLESS_NOT_SYNCED = "headless, not synchronised"
    VALUE_MISREAD = "value does not mean what it says"
    AFFINITY_UNKNOWN = "unknown affinity"
    KEY_MISSPELT = "key that nobody reads"
    ALIAS_IGNORED = "alias and new key both present"
    INACTIVE = "written but not read"
    MISSING_SERVICE = "no Service in a cluster"


_ORDER = {kind: number for number, kind in enumerate(Kind)}


class Fix(Struct, frozen=True):
    """One annotation to write: `what` is global, shared or affinity; `value` None deletes it.

    With `what` `namespace` it is the namespace's own annotation; `annotation` names a single key instead.
    """

    context: str
    service_key: str
    what: str
    value: str | None
    annotation: str = ""


class Finding(Struct, frozen=True):
    """One finding. Text holds names as the clusters sent them: clean it before it reaches a screen."""

    kind: Kind
    severity: Severity
    contexts: tuple[str, ...]
    object: str
    """`namespace/name` of the service or policy, or the cluster's name."""
    sentence: str
    evidence: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    """Annotations that would mend it, all together; empty when no annotation does."""
    advice: str = ""
    """What to do where no annotation helps."""
    since: float = 0.0
    """Wall time since which it is known to be so; 0 where that is not told."""
    still: str = ""
    """What still works, in a sentence."""
    because: Kind | None = None
    """The finding this one follows from: mend that one and this one goes."""
    hiding: str = ""
    """Findings that nobody could make while this one lasts, and why."""

    @property
    def order(self) -> tuple[int, int, str, tuple[str, ...], str]:
        """Sort key: worst first, then by kind, object, contexts."""
        return (self.severity, _ORDER[self.kind], self.object, self.contexts, self.sentence)
