"""What people fed to the embedded mesh with kubectl and it did not take (report 42)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.sim.kubectl import Kubectl

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
LIST = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: from-list}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: in-list, namespace: default}
"""
CLUSTERWIDE = """\
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: clusterwide, namespace: default}
spec: {nodeSelector: {}, ingress: [{fromEntities: [remote-node]}]}
"""


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    started = Kubectl(tmp_path_factory.mktemp("kubectl"), ready_delay=0.1)
    yield started
    started.close()


def test_a_list_is_applied_object_by_object(kubectl: Kubectl) -> None:
    told = kubectl.ok("apply", "-f", "-", stdin=LIST).splitlines()
    assert told == ["namespace/from-list created", "configmap/in-list created"]


@pytest.mark.parametrize("way", [(), ("--server-side",)])
def test_a_namespace_on_what_has_none_is_emptied(kubectl: Kubectl, way: tuple[str, ...]) -> None:
    kubectl.ok("apply", *way, "-f", "-", stdin=CLUSTERWIDE)
    kind = "ciliumclusterwidenetworkpolicies"
    assert kubectl.ok("get", kind, "clusterwide", "-o", "jsonpath={.metadata.namespace}") == ""
    assert "deleted" in kubectl.ok("delete", kind, "clusterwide")
    assert kubectl.ok("get", kind, "-o", "name") == ""
