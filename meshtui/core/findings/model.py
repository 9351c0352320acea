"""What is wrong or surprising in a mesh: what it means, the evidence, and the change that would fix it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshtui.core.model.severity import Severity


class Kind(Enum):
    """Every finding meshtui knows, in the order they are listed within a severity."""

    SAME_CLUSTER_ID = "two clusters share an id or name"
    MAX_CLUSTERS_DIFFER = "max-connected-clusters differs"
    LINK_DOWN = "cluster not ready"
    LINK_SILENT = "ready, but its nodes do not answer"
    LINK_PARTLY = "ready on some nodes only"
    NOT_CONNECTED = "clusters not connected"
    NO_MESH = "no cluster id"
    AGENT_UNWELL = "agent unwell"
    VERSION_SKEW = "versions too far apart"
    POLICY_SCOPE_DIFFERS = "policy scope differs"
    POLICY_INVALID = "policy without effect"
    STALE_BACKENDS = "unreachable backends in rotation"
    AFFINITY_DROPS_REMOTE = "affinity drops all remote backends"
    NO_BACKENDS = "nobody serves"
    FAILOVER = "failing over now"
    POLICY_MEANS_ONE_CLUSTER = "policy means one cluster only"
    PORT_MISMATCH = "ports do not match"
    GLOBAL_ALONE = "global in one cluster only"
    SYSTEM_GLOBAL = "service of the system is global"
    SHARED_NOWHERE = "shared nowhere"
    NAMESPACE_NOT_EXPORTED = "namespace not exported"
    HEADLESS_NOT_SYNCED = "headless, not synchronised"
    VALUE_MISREAD = "value does not mean what it says"
    AFFINITY_UNKNOWN = "unknown affinity"
    ALIAS_IGNORED = "alias and new key both present"
    INACTIVE = "written but not read"
    MISSING_SERVICE = "no Service in a cluster"


_ORDER = {kind: number for number, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Fix:
    """One annotation to write: `what` is global, shared or affinity; `value` None deletes it.

    With `what` `namespace` it is the namespace's own annotation; `annotation` names a single key instead.
    """

    context: str
    service_key: str
    what: str
    value: str | None
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
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

    @property
    def order(self) -> tuple[int, int, str, tuple[str, ...], str]:
        """Sort key: worst first, then by kind, object, contexts."""
        return (self.severity, _ORDER[self.kind], self.object, self.contexts, self.sentence)
