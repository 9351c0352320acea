"""Identity labels: which of a pod's labels Cilium makes part of its identity, and how a key is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from meshtui.core.model import objects as o
from meshtui.core.model.state import Cluster

CLUSTER = "io.cilium.k8s.policy.cluster"
NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
CIDR_GROUP = "io.cilium.policy.cidrgroupname/"
ANY_SOURCE = ("any", "unspec")

_FILTERED = re.compile(
    r"io\.kubernetes|kubernetes\.io|k8s\.io|.*beta\.kubernetes\.io|topology\.kubernetes\.io"
    r"|statefulset\.kubernetes\.io/pod-name|apps\.kubernetes\.io/pod-index"
    r"|batch\.kubernetes\.io/(job-completion-index|controller-uid)"
    r"|pod-template-hash|pod-template-generation|controller-revision-hash|controller-uid|annotation|etcd_node"
)


class Labels(Struct, frozen=True):
    """A set of labels, looked up as `source:key` or, with source `any`, by key alone."""

    exact: Mapping[str, str]
    """`source:key` → value."""
    by_key: Mapping[str, str] = field(default_factory=dict)
    """key → value, whatever the source."""

    @classmethod
    def of(cls, exact: Mapping[str, str]) -> Labels:
        """From `source:key` → value."""
        return cls(exact, {k.partition(":")[2]: v for k, v in exact.items()})

    @classmethod
    def parse(cls, labels: Iterable[str]) -> Labels:
        """From flow labels, `source:key=value` or `reserved:host`."""
        pairs = (label.partition("=") for label in labels)
        return cls.of({key if ":" in key else f"unspec:{key}": value for key, _, value in pairs})

    def get(self, source: str, key: str) -> str | None:
        """The value of a label, None when it is not there. `unspec` is any source, too (pkg/labels)."""
        return self.by_key.get(key) if source in ANY_SOURCE else self.exact.get(f"{source}:{key}")

    def reserved(self, name: str) -> bool:
        """Whether this is the reserved identity `name` (host, world, …), or carries its label too."""
        return f"reserved:{name}" in self.exact

    def has_source(self, source: str) -> bool:
        """Whether any label is of a source."""
        return any(key.startswith(f"{source}:") for key in self.exact)

    @property
    def is_reserved(self) -> bool:
        """Whether any label is a reserved one: not a pod."""
        return self.has_source("reserved")

    @property
    def is_outside(self) -> bool:
        """Whether this is an address that belongs to no cluster of the mesh."""
        return any(f"reserved:{name}" in self.exact for name in ("world", "world-ipv4", "world-ipv6"))

    @property
    def cluster(self) -> str:
        """The cluster the labels name, or nothing."""
        return self.exact.get(f"k8s:{CLUSTER}", "")

    @property
    def namespace(self) -> str:
        """The namespace the labels name, or nothing."""
        return self.exact.get(f"k8s:{NAMESPACE}", "")


def filtered(key: str) -> bool:
    """Whether Cilium leaves a pod label out of the identity by default (pkg/labelsfilter/filter.go)."""
    return _FILTERED.match(key) is not None and not key.startswith("app.kubernetes.io")


def identity_labels(cluster: Cluster, pod: o.Pod) -> Labels:
    """The labels of a pod's security identity.

    Its own unfiltered labels, its namespace and the namespace's labels, cluster and service account. The
    ConfigMap key `labels`, which changes the filter, is not read. Source: pkg/k8s/labels.go and labelsfilter.
    """
    namespace = cluster.namespaces.get(pod.namespace)
    labels = {f"k8s:{k}": v for k, v in pod.labels.items() if not filtered(k)}
    labels[f"k8s:{NAMESPACE}"] = pod.namespace
    labels[f"k8s:{CLUSTER}"] = cluster.name
    if pod.spec.service_account_name:
        labels[f"k8s:{SERVICE_ACCOUNT}"] = pod.spec.service_account_name
    known = namespace.labels if namespace else {"kubernetes.io/metadata.name": pod.namespace}
    for key, value in known.items():
        labels[f"k8s:{NAMESPACE_LABELS}{key}"] = value
    return Labels.of(labels)


def reserved(*names: str) -> Labels:
    """The labels of a reserved identity."""
    return Labels.of({f"reserved:{name}": "" for name in names})
