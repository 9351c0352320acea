"""kubectl is the judge: a transcript of what a person does with the embedded mesh, in order."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from tests.sim.kubectl import DENY, Kubectl, read_line

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

SHOP = """
apiVersion: v1
kind: Service
metadata: {name: shop, annotations: {service.cilium.io/global: "true"}}
spec:
  selector: {app: shop}
  ports: [{name: http, port: 80, targetPort: web}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - {name: nginx, image: "nginx:1.27.1", ports: [{name: web, containerPort: 8080}]}
"""


@pytest.fixture
def shop(kubectl):
    """A Service and its Deployment, applied and rolled out."""
    told = kubectl.ok("apply", "-f", "-", stdin=SHOP).splitlines()
    assert told == ["service/shop created", "deployment.apps/shop created"]
    assert "successfully rolled out" in kubectl.ok("rollout", "status", "deploy/shop", "--timeout=30s")
    yield
    kubectl.ok("delete", "svc,deploy", "shop", "--timeout=30s")
    kubectl.until("", "get", "pods,rs", "-l", "app=shop", "-o", "name")


def test_the_kubeconfig_is_private(kubectl):
    path = Path(kubectl.ready["kubeconfig"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kubectl.ready["contexts"] == ["koornacht", "tion"]
    assert kubectl.ok("config", "current-context").strip() == "koornacht"


@pytest.mark.parametrize("context", ["koornacht", "tion"])
def test_get(kubectl, context):
    nodes = kubectl.ok("get", "nodes", "-o", "wide", context=context).splitlines()
    assert nodes[0].split()[:5] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert nodes[1].split()[:3] == [f"{context}-control-plane", "Ready", "<none>"]
    everything = kubectl.ok("get", "nodes,svc,pods", "-A", context=context)
    assert "service/rebel-base" in everything
    assert everything.count("pod/x-wing") == 2
    assert kubectl.ok("get", "svc", "rebel-base", "-o", "jsonpath={.spec.ports[0].port}") == "80"
    selected = kubectl.ok("get", "pods", "-l", "name in (x-wing)", "-o", "name").split()
    assert len(selected) == 2
    assert kubectl.ok("get", "pods", "--field-selector", "status.phase=Pending") == ""
    assert "apiVersion: v1" in kubectl.ok("get", "svc", "rebel-base", "-o", "yaml")
    cilium = kubectl.ok("get", "cnp,cep,ciliumnodes,ciliumidentities", "-o", "wide", context=context)
    assert "SECURITY IDENTITY" in cilium


def test_missing_things(kubectl):
    gone = kubectl("get", "svc", "nope")
    assert (gone.code, gone.err) == (1, 'Error from server (NotFound): services "nope" not found\n')
    unknown = kubectl("get", "nonsense")
    assert 'doesn\'t have a resource type "nonsense"' in unknown.err


def test_annotate_and_label(kubectl):
    assert kubectl.ok("annotate", "svc", "rebel-base", "service.cilium.io/shared=false").endswith("annotated\n")
    again = kubectl("annotate", "svc", "rebel-base", "service.cilium.io/shared=true")
    assert again.code == 1
    assert "--overwrite is false" in again.err
    kubectl.ok("annotate", "svc", "rebel-base", "service.cilium.io/shared-")
    kubectl.ok("label", "svc", "rebel-base", "team=red")
    assert "rebel-base" in kubectl.ok("get", "svc", "-l", "team=red")
    bad = kubectl("label", "svc", "rebel-base", "team=not valid!", "--overwrite")
    assert bad.code == 1


def test_describe(kubectl):
    service = kubectl.ok("describe", "svc", "rebel-base")
    assert "service.cilium.io/global: true" in service
    assert "Endpoints:" in service
    pod = kubectl.ok("describe", "pod", "-l", "name=x-wing")
    assert "Status:           Running" in pod
    assert "Ready              True" not in kubectl.ok("describe", "deploy", "x-wing")
    assert "KubeletReady" in kubectl.ok("describe", "node")


def test_apply_rolls_out_and_endpoints_follow(kubectl, shop):
    path = "jsonpath={.items[0].ports[0].port} {.items[0].endpoints[*].conditions.ready}"
    selector = ("-l", "kubernetes.io/service-name=shop")
    kubectl.until("8080 true true", "get", "endpointslices", *selector, "-o", path)
    unchanged = kubectl.ok("apply", "-f", "-", stdin=SHOP).splitlines()
    assert unchanged == ["service/shop unchanged", "deployment.apps/shop unchanged"]


def test_three_way_apply_removes_what_is_gone_and_keeps_what_others_set(kubectl, shop):
    kubectl.ok("annotate", "svc", "shop", "mine=kept")
    without = SHOP.replace(', annotations: {service.cilium.io/global: "true"}', "").replace("1.27.1", "1.15.8")
    assert kubectl.ok("apply", "-f", "-", stdin=without).splitlines() == [
        "service/shop configured",
        "deployment.apps/shop configured",
    ]
    notes = json.loads(kubectl.ok("get", "svc", "shop", "-o", "json"))["metadata"]["annotations"]
    assert "service.cilium.io/global" not in notes
    assert notes["mine"] == "kept"
    assert "successfully rolled out" in kubectl.ok("rollout", "status", "deploy/shop", "--timeout=30s")
    images = kubectl.ok("get", "pods", "-l", "app=shop", "-o", "jsonpath={.items[*].spec.containers[*].image}")
    assert "nginx:1.15.8" in images
    kubectl.ok("rollout", "undo", "deploy/shop")
    assert "successfully rolled out" in kubectl.ok("rollout", "status", "deploy/shop", "--timeout=30s")
    revisions = kubectl.ok("rollout", "history", "deploy/shop").splitlines()[2:]
    assert [r.split()[0] for r in revisions if r] == ["2", "3"]
    history = kubectl.ok("get", "rs", "-l", "app=shop", "-o", "jsonpath={.items[*].spec.replicas}")
    assert sorted(history.split()) == ["0", "2"]


def test_scale_and_watch(kubectl, shop):
    watch = kubectl.follow("get", "deploy", "shop", "-w", "--no-headers")
    try:
        assert read_line(watch).split()[:2] == ["shop", "2/2"]
        assert kubectl.ok("scale", "deploy/shop", "--replicas=3") == "deployment.apps/shop scaled\n"
        seen = read_line(watch).split()[1]
        while seen != "3/3":
            seen = read_line(watch).split()[1]
    finally:
        watch.terminate()
        watch.communicate()
    refused = kubectl("scale", "deploy/shop", "--replicas=1", "--current-replicas=7")
    assert "Expected replicas to be 7, was 3" in refused.err
    kubectl.ok("scale", "deploy/shop", "--replicas=0")
    kubectl.until("", "get", "pods", "-l", "app=shop", "-o", "name")


def test_server_side_apply(kubectl):
    one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {colour: red, size: big}\n"
    apply = ("apply", "--server-side", "-f", "-")
    assert "serverside-applied" in kubectl.ok(*apply, "--field-manager=alice", stdin=one)
    two = one.replace("red, size: big", "blue")
    refused = kubectl(*apply, "--field-manager=bob", stdin=two)
    assert refused.code == 1
    assert 'conflict with "alice": .data.colour' in refused.err
    kubectl.ok(*apply, "--field-manager=bob", "--force-conflicts", stdin=two)
    assert kubectl.ok("get", "cm", "shared", "-o", "jsonpath={.data.colour} {.data.size}") == "blue big"
    kubectl.ok(*apply, "--field-manager=alice", stdin=one.replace("colour: red, size: big", ""))
    assert kubectl.ok("get", "cm", "shared", "-o", "jsonpath={.data}") == '{"colour":"blue"}'
    shown = kubectl.ok(
        "get", "cm", "shared", "-o", "jsonpath={.metadata.managedFields[*].manager}", "--show-managed-fields"
    )
    assert "bob" in shown


def test_policies_become_valid(kubectl):
    assert "created" in kubectl.ok("apply", "-f", "-", stdin=DENY)
    status = "jsonpath={.status.conditions[?(@.type=='Valid')].status}"
    kubectl.until("True", "get", "cnp", "default-deny", "-o", status)
    empty = DENY.replace("default-deny", "empty").replace("ingress: [{}]", "ingress: []")
    kubectl.ok("apply", "-f", "-", stdin=empty)
    kubectl.until("False", "get", "cnp", "empty", "-o", status)
    wrong = DENY.replace("[{}]", '[{toPorts: [{ports: [{port: "80", protocol: NOPE}]}]}]')
    refused = kubectl("apply", "-f", "-", stdin=wrong)
    assert 'Unsupported value: "NOPE": supported values: "TCP", "UDP"' in refused.err
    assert kubectl.ok("delete", "cnp", "default-deny", "empty").count("deleted") == 2


def test_validation(kubectl):
    unknown = kubectl("apply", "-f", "-", stdin=SHOP.replace("replicas: 2", "replicass: 2"))
    assert 'unknown field "spec.replicass"' in unknown.err
    nameless = kubectl("create", "-f", "-", stdin=SHOP.replace("[{name: http, port: 80", "[{port: 81}, {port: 80"))
    assert "spec.ports[0].name: Required value" in nameless.err
    boolean = kubectl("apply", "-f", "-", stdin=SHOP.replace('"true"', "true"))
    assert "annotations" in boolean.err
    stale = json.loads(kubectl.ok("get", "svc", "rebel-base", "-o", "json"))
    kubectl.ok("annotate", "svc", "rebel-base", "changed=1", "--overwrite")
    conflict = kubectl("replace", "-f", "-", stdin=json.dumps(stale))
    assert "the object has been modified" in conflict.err
    # kubectl goes on to the next document when one is refused, so half of each attempt is there.
    kubectl.ok("delete", "svc,deploy", "shop", "--ignore-not-found", "--timeout=30s")
    kubectl.until("", "get", "pods,rs", "-l", "app=shop", "-o", "name")


def test_dry_run(kubectl):
    told = kubectl.ok("delete", "svc", "rebel-base", "--dry-run=server")
    assert "server dry run" in told
    kubectl.ok("get", "svc", "rebel-base")
    kubectl.ok("create", "ns", "elsewhere", "--dry-run=server")
    assert kubectl("get", "ns", "elsewhere").code == 1


def test_namespace_life(kubectl):
    kubectl.ok("create", "namespace", "elsewhere")
    kubectl.ok("create", "deployment", "web", "--image=nginx", "-n", "elsewhere")
    kubectl.ok("expose", "deploy", "web", "--port=80", "-n", "elsewhere")
    kubectl.ok("rollout", "status", "deploy/web", "-n", "elsewhere", "--timeout=30s")
    assert "deployment.apps/web" in kubectl.ok("get", "all", "-n", "elsewhere")
    assert kubectl.ok("get", "sa", "-n", "elsewhere", "-o", "name") == "serviceaccount/default\n"
    kubectl.ok("delete", "namespace", "elsewhere", "--timeout=30s")
    assert kubectl("get", "ns", "elsewhere").code == 1
    assert kubectl.ok("get", "pods", "-n", "elsewhere", "-o", "name") == ""


def test_deleting_pods_brings_new_ones(kubectl):
    before = set(kubectl.ok("get", "pods", "-l", "name=rebel-base", "-o", "name").split())
    kubectl.ok("delete", "pods", "-l", "name=rebel-base", "--timeout=30s")
    kubectl.ok("rollout", "status", "deploy/rebel-base", "--timeout=30s")
    after = set(kubectl.ok("get", "pods", "-l", "name=rebel-base", "-o", "name").split())
    assert len(after) == 2
    assert not before & after


def test_restarting_the_agents(kubectl):
    ds = ("-n", "kube-system", "ds/cilium")
    name = ("get", "pods", "-n", "kube-system", "-l", "k8s-app=cilium", "-o", "name")
    before = kubectl.ok(*name)
    kubectl.ok("rollout", "restart", *ds)
    assert "successfully rolled out" in kubectl.ok("rollout", "status", *ds, "--timeout=30s")
    after = kubectl.ok(*name)
    assert after.count("pod/cilium-") == 1
    assert after != before


def test_rights(kubectl):
    assert kubectl.ok("auth", "can-i", "create", "pods") == "yes\n"
    denied = kubectl("auth", "can-i", "patch", "services", "--as", "bob")
    assert (denied.code, denied.out) == (1, "no\n")
    forbidden = kubectl("get", "pods", "--as", "bob")
    assert 'User "bob" cannot list resource "pods" in API group "" in the namespace "default"' in forbidden.err
    kubectl.ok("create", "rolebinding", "bob-views", "--clusterrole=view", "--user=bob")
    assert "x-wing" in kubectl.ok("get", "pods", "--as", "bob")
    kubectl.ok("create", "role", "toggler", "--verb=patch", "--resource=services")
    kubectl.ok("create", "rolebinding", "t", "--role=toggler", "--serviceaccount=default:default")
    account = "system:serviceaccount:default:default"
    assert kubectl.ok("auth", "can-i", "patch", "svc", "--as", account) == "yes\n"
    assert "kubernetes-admin" in kubectl.ok("auth", "whoami")


def test_what_there_is(kubectl):
    resources = kubectl.ok("api-resources", "--no-headers")
    assert "ciliumnetworkpolicies" in resources
    assert "deploy" in resources
    assert kubectl.ok("explain", "service.spec.ports.targetPort").startswith("KIND:       Service")
    assert "toEntities" not in kubectl.ok("explain", "cnp")
    versions = kubectl.ok("api-versions").split()
    assert {"v1", "apps/v1", "cilium.io/v2", "discovery.k8s.io/v1"} <= set(versions)
    assert "v1.36.2" in kubectl.ok("version", context="tion")


def test_unserved_without_cilium(tmp_path):
    bare = Kubectl(tmp_path, state="no-cni")
    try:
        assert "NotReady" in bare.ok("get", "nodes")
        assert bare("get", "cnp").code == 1
        bare.ok("create", "deployment", "early", "--image=nginx")
        reason = "jsonpath={.items[*].status.phase} {.items[*].status.conditions[0].reason}"
        bare.until("Pending Unschedulable", "get", "pods", "-l", "app=early", "-o", reason)
    finally:
        bare.close()


def test_events_tell_what_happened(kubectl, shop):
    events = kubectl.ok("get", "events", "--field-selector=involvedObject.name=shop,involvedObject.kind=Deployment")
    assert events.splitlines()[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert "ScalingReplicaSet   deployment/shop   Scaled up replica set shop-" in events
    assert "from 0 to 2" in kubectl.ok("describe", "deploy/shop").partition("Events:")[2]


EXPORT = """
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceExport
metadata: {name: rebel-base}
"""


def test_mcs_api_as_a_person_turns_it_on(kubectl):
    for context in ("koornacht", "tion"):
        change = '{"data": {"clustermesh-enable-mcs-api": "true"}}'
        kubectl.ok("patch", "cm", "-n", "kube-system", "cilium-config", "-p", change, context=context)
    assert "serviceexports" in kubectl.ok("api-resources", "--api-group=multicluster.x-k8s.io")
    kubectl.ok("apply", "-f", "-", stdin=EXPORT, context="tion")
    try:
        kubectl.until("tion", "get", "svcim", "-A", "-o", "jsonpath={.items[*].status.clusters[*].cluster}")
        row = kubectl.ok("get", "serviceimports", "rebel-base", "--no-headers").split()
        address = kubectl.ok("get", "svc", "derived-q358ba8kk0", "-o", "jsonpath={.spec.clusterIP}")
        assert row[:3] == ["rebel-base", "ClusterSetIP", f'["{address}"]']
        asked = ("exec", "deploy/x-wing", "--", "curl", "-s", "rebel-base.default.svc.clusterset.local")
        assert {json.loads(kubectl.ok(*asked))["Cluster"] for _ in range(5)} == {"Tion"}
    finally:
        kubectl.ok("delete", "svcex", "rebel-base", context="tion")
    kubectl.until("", "get", "svcim,svc", "-o", "name", "-l", "multicluster.kubernetes.io/service-name")


def test_an_ingress_before_a_global_service_waits_for_a_controller(kubectl):
    kubectl.ok("create", "ingress", "door", "--rule=rebels.example/*=rebel-base:80", "--class=cilium")
    try:
        row = kubectl.ok("get", "ingress", "door").splitlines()
        assert row[0].split() == ["NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"]
        assert row[1].split()[:4] == ["door", "cilium", "rebels.example", "80"]  # nobody gave it an address
        assert "rebel-base:80" in kubectl.ok("describe", "ingress", "door")
    finally:
        kubectl.ok("delete", "ingress", "door")
