"""The resources an embedded API server serves: groups, names, kinds, verbs and subresources."""

from __future__ import annotations

from dataclasses import dataclass

from meshtui.sim.store import GVR, Store

MCS_GROUP = "multicluster.x-k8s.io"
MCS_OPTION = "clustermesh-enable-mcs-api"
"""Key of cilium-config that makes the operator install the MCS-API's definitions and serve them."""
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_SUB_VERBS = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class ApiResource:
    """One resource; `subs` maps each subresource to the kind it speaks (`group/version/Kind` or Kind)."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subs: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS

    @property
    def gvr(self) -> GVR:
        """Key of the resource in the store."""
        return (self.group, self.plural)

    @property
    def group_version(self) -> str:
        """`v1` or `apps/v1`: an object's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def custom(self) -> bool:
        """Whether a CustomResourceDefinition defines it."""
        return self.group in ("cilium.io", MCS_GROUP)


def _core(plural: str, kind: str, short: str = "", subs: str = "", **more: object) -> ApiResource:
    return _make("", "v1", plural, kind, short, subs, **more)


def _make(
    group: str, version: str, plural: str, kind: str, short: str = "", subs: str = "", **more: object
) -> ApiResource:
    known = {"singular": kind.lower(), **more}
    return ApiResource(
        group,
        version,
        plural,
        kind,
        short=tuple(short.split()),
        subs=tuple(subs.split()),
        **known,  # type: ignore[arg-type]
    )


_ALL = ("all",)
_C = ("cilium",)
_CP = ("cilium", "ciliumpolicy")
_RBAC = "rbac.authorization.k8s.io"
_CREATE = ("create",)

RESOURCES: tuple[ApiResource, ...] = (
    _core("configmaps", "ConfigMap", "cm"),
    _core("endpoints", "Endpoints", "ep"),
    _core("events", "Event", "ev"),
    _core("limitranges", "LimitRange", "limits"),
    _core("namespaces", "Namespace", "ns", "finalize status", namespaced=False),
    _core("nodes", "Node", "no", "proxy status", namespaced=False),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", "status"),
    _core("persistentvolumes", "PersistentVolume", "pv", "status", namespaced=False),
    _core("pods", "Pod", "po", "attach binding eviction exec log portforward proxy status", categories=_ALL),
    _core("podtemplates", "PodTemplate"),
    _core("replicationcontrollers", "ReplicationController", "rc", "scale status", categories=_ALL),
    _core("resourcequotas", "ResourceQuota", "quota", "status"),
    _core("secrets", "Secret"),
    _core("serviceaccounts", "ServiceAccount", "sa", "token"),
    _core("services", "Service", "svc", "proxy status", categories=_ALL),
    _make("apps", "v1", "controllerrevisions", "ControllerRevision"),
    _make("apps", "v1", "daemonsets", "DaemonSet", "ds", "status", categories=_ALL),
    _make("apps", "v1", "deployments", "Deployment", "deploy", "scale status", categories=_ALL),
    _make("apps", "v1", "replicasets", "ReplicaSet", "rs", "scale status", categories=_ALL),
    _make("apps", "v1", "statefulsets", "StatefulSet", "sts", "scale status", categories=_ALL),
    _make("batch", "v1", "cronjobs", "CronJob", "cj", "status", categories=_ALL),
    _make("batch", "v1", "jobs", "Job", "", "status", categories=_ALL),
    _make("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False,
          verbs=_CREATE),
    _make("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False, verbs=_CREATE),
    _make("authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview",
          verbs=_CREATE),
    _make("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview",
          namespaced=False, verbs=_CREATE),
    _make("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview",
          namespaced=False, verbs=_CREATE),
    _make("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False,
          verbs=_CREATE),
    _make("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
          "crd crds", "status", namespaced=False, categories=("api-extensions",)),
    _make("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", "status",
          categories=_ALL),
    _make("coordination.k8s.io", "v1", "leases", "Lease"),
    _make("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    _make("events.k8s.io", "v1", "events", "Event", "ev"),
    _make("networking.k8s.io", "v1", "ingresses", "Ingress", "ing", "status"),
    _make("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol"),
    _make("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", "status"),
    _make(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _make(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    _make(_RBAC, "v1", "rolebindings", "RoleBinding"),
    _make(_RBAC, "v1", "roles", "Role"),
    _make("storage.k8s.io", "v1", "storageclasses", "StorageClass", "sc", namespaced=False),
    _make("cilium.io", "v2", "ciliumcidrgroups", "CiliumCIDRGroup", "ccg", namespaced=False, categories=_C),
    _make("cilium.io", "v2", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", "ccnp",
          "status", namespaced=False, categories=_CP),
    _make("cilium.io", "v2", "ciliumendpoints", "CiliumEndpoint", "cep ciliumep", categories=_C),
    _make("cilium.io", "v2", "ciliumidentities", "CiliumIdentity", "ciliumid", "status", namespaced=False,
          categories=_C),
    _make("cilium.io", "v2", "ciliumloadbalancerippools", "CiliumLoadBalancerIPPool",
          "ippools ippool lbippool lbippools", "status", namespaced=False, categories=_C),
    _make("cilium.io", "v2", "ciliumnodeconfigs", "CiliumNodeConfig", categories=_C),
    _make("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", "cnp ciliumnp", "status",
          categories=_CP),
    _make("cilium.io", "v2", "ciliumnodes", "CiliumNode", "cn ciliumn", "status", namespaced=False,
          categories=_C),
    _make(MCS_GROUP, "v1alpha1", "serviceexports", "ServiceExport", "svcex", "status"),
    _make(MCS_GROUP, "v1alpha1", "serviceimports", "ServiceImport", "svcim", "status"),
)  # fmt: skip

BY_GVR: dict[GVR, ApiResource] = {r.gvr: r for r in RESOURCES}
BY_KIND: dict[tuple[str, str], ApiResource] = {(r.group_version, r.kind): r for r in RESOURCES}
EVENTS: GVR = ("", "events")
_CONFIG: GVR = ("", "configmaps")


def has_cilium(store: Store) -> bool:
    """Whether Cilium, and with it its definitions, is installed in the cluster."""
    return store.entry(_CONFIG, "kube-system", "cilium-config") is not None


def _installed(store: Store, resource: ApiResource) -> bool:
    """Whether a cluster has a resource: those that a definition makes come with Cilium, and with its options."""
    if not resource.custom:
        return True
    config = store.get(_CONFIG, "kube-system", "cilium-config")
    if config is None:
        return False
    return resource.group != MCS_GROUP or (config.get("data") or {}).get(MCS_OPTION) == "true"


def served(store: Store) -> list[ApiResource]:
    """The resources of a cluster: Cilium's only where it is installed."""
    return [r for r in RESOURCES if _installed(store, r)]


def find(store: Store, group: str, version: str, plural: str) -> ApiResource | None:
    """The resource at a path, or None."""
    found = BY_GVR.get((group, plural))
    if found is None or found.version != version or not _installed(store, found):
        return None
    return found


def storage(resource: ApiResource) -> GVR:
    """Where objects are kept: events of both groups are the same objects."""
    return EVENTS if resource.plural == "events" else resource.gvr
