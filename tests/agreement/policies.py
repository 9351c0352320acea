"""Generates pods and policies of all three kinds: selectors, entities, CIDRs, ports, L7, deny, default deny."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.agreement.books import PlainCluster, names_of

CLUSTER = "io.cilium.k8s.policy.cluster"
NAMESPACE = "io.kubernetes.pod.namespace"
SPACES = ("default", "shop")
APPS = ("web", "api")
OUTSIDE = "203.0.113.7"
"""An address outside the mesh."""

one_of = st.sampled_from


def sometimes(strategy: st.SearchStrategy[Any], default: Any = None) -> st.SearchStrategy[Any]:
    """The default most of the time."""
    return st.just(default) | st.just(default) | strategy


expressions = st.builds(
    lambda key, operator, values: (
        {"key": key, "operator": operator, "values": values}
        if operator in ("In", "NotIn")
        else {"key": key, "operator": operator}
    ),
    one_of(["app", "tier", CLUSTER, f"k8s:{CLUSTER}", NAMESPACE, "io.cilium.k8s.namespace.labels.team", "any:app"]),
    one_of(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.lists(one_of(["web", "api", "koornacht", "tion", "default", "blue"]), min_size=1, max_size=2, unique=True),
)
match_labels = st.fixed_dictionaries(
    {},
    optional={
        "app": one_of(APPS),
        "k8s:app": one_of(APPS),
        f"k8s:{NAMESPACE}": one_of(SPACES),
        CLUSTER: one_of(["koornacht", "tion"]),
        "io.cilium.k8s.namespace.labels.team": one_of(["blue", "red"]),
        "io.cilium.k8s.policy.serviceaccount": one_of(["default", "robot"]),
        "reserved:host": st.just(""),
        ":app": one_of(APPS),
        "reserved.remote-node": st.just(""),
        NAMESPACE: one_of(SPACES),
        "node:app": one_of(APPS),
        "pod-template-hash": st.just("abc"),
        "kubernetes.io/arch": st.just("arm"),
        "app.kubernetes.io/part-of": st.just("shop"),
    },
)
few_labels = st.just({}) | one_of([{"app": app} for app in APPS]) | match_labels
any_cluster = {"key": CLUSTER, "operator": "Exists"}
likely = one_of(
    [{}, {"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "api"}}]
    + [{"matchLabels": {"app": app}, "matchExpressions": [any_cluster]} for app in APPS]
    + [{"matchExpressions": [any_cluster, {"key": f"k8s:{NAMESPACE}", "operator": "Exists"}]}]
)
selectors = (
    likely
    | likely
    | st.builds(
        lambda labels, found: {k: v for k, v in (("matchLabels", labels), ("matchExpressions", found)) if v},
        few_labels,
        sometimes(st.lists(expressions, min_size=1, max_size=2), []),
    )
)
subjects = st.just({}) | likely | selectors

ports = st.builds(
    lambda port, protocol, end: {
        "port": port,
        **({"protocol": protocol} if protocol else {}),
        **({"endPort": end} if end and port.isdigit() else {}),
    },
    one_of(["80", "80", "443", "0", "1", "64", "http", "HTTPS", "admin"]),
    one_of(["TCP", "TCP", "UDP", "ANY", ""]),
    sometimes(one_of([80, 443, 65535, 127]), 0),
)
l7_rules = one_of([{"http": [{"method": "GET"}]}, {"http": [{"path": "/v1"}]}])


def _tcp(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """L7 rules are for TCP, and not for port 0."""
    return [{**each, "protocol": "TCP"} for each in listed if each["port"] != "0"]


icmps = st.lists(
    st.fixed_dictionaries(
        {}, optional={"fields": st.lists(one_of([{"type": 8}, {"type": "EchoRequest"}, {"type": 0}]), max_size=2)}
    ),
    min_size=1,
    max_size=2,
)  # fmt: skip


def port_lists(l7: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    element = st.builds(
        lambda listed, rules: {"ports": _tcp(listed) if rules else listed, **({"rules": rules} if rules else {})},
        st.lists(ports, max_size=3),
        sometimes(l7_rules) if l7 else st.none(),
    )
    return st.lists(element, min_size=1, max_size=2)


entities = one_of(
    [
        "all", "world", "world-ipv4", "cluster", "cluster-mesh", "host", "remote-node", "health", "init", "none",
        "ingress", "unmanaged",
    ]
)  # fmt: skip
cidrs = one_of(["0.0.0.0/0", "203.0.113.0/24", "10.0.0.0/8", "::/0"])
services = one_of(
    [{"k8sService": {"serviceName": name, "namespace": "default"}} for name in ("web", "api", "dotted", "gone")]
    + [{"k8sService": {"serviceName": "web"}}, {"k8sService": {"serviceName": "web", "namespace": "shop"}}]
    + [{"k8sServiceSelector": {"selector": {"matchLabels": {"expose": "yes"}}}}]
)


@st.composite
def elements(draw: st.DrawFn, side: str, deny: bool) -> dict[str, Any]:
    """One list element of a Cilium policy: at most one kind of peer, perhaps ports."""
    word = "from" if side == "ingress" else "to"
    kinds = ["Endpoints"] * 4 + ["Entities"] * 2 + ["CIDR", "CIDRSet", "", ""] + (["Services"] if word == "to" else [])
    kind = draw(one_of(kinds))
    made: dict[str, Any] = {}
    if kind == "Endpoints":
        made[f"{word}Endpoints"] = draw(st.lists(selectors, max_size=2))
    elif kind == "Entities":
        made[f"{word}Entities"] = draw(st.lists(entities, min_size=1, max_size=2))
    elif kind == "CIDR":
        made[f"{word}CIDR"] = [draw(cidrs)]
    elif kind == "CIDRSet":
        made[f"{word}CIDRSet"] = [{"cidr": draw(cidrs), "except": draw(one_of([[], [f"{OUTSIDE}/32"]]))}]
    elif kind == "Services":
        made["toServices"] = draw(st.lists(services, max_size=2))
    if draw(one_of([False] * 9 + [True])):
        return {**made, "icmps": draw(icmps)}
    found = draw(port_lists(not deny) | st.none())
    return {**made, "toPorts": found} if found else made


@st.composite
def cilium_specs(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"endpointSelector": draw(subjects)}
    for side in ("ingress", "egress"):
        for section in (side, f"{side}Deny"):
            weight = [False, True, True] if section == side else [False] * 4 + [True]
            if draw(one_of(weight)):
                made[section] = draw(
                    st.lists(elements(side, section != side), min_size=draw(one_of([0, 1, 1])), max_size=3)
                )
    wanted = draw(sometimes(st.dictionaries(one_of(["ingress", "egress"]), st.booleans(), min_size=1)))
    return {**made, "enableDefaultDeny": wanted} if wanted else made


k8s_labels = st.just({}) | one_of(
    [{"matchLabels": {"app": app}} for app in APPS] + [{"matchLabels": {NAMESPACE: "shop"}}]
)
k8s_peers = (
    st.fixed_dictionaries({"podSelector": k8s_labels})
    | st.fixed_dictionaries(
        {
            "namespaceSelector": one_of(
                [
                    {},
                    {"matchLabels": {"team": "blue"}},
                    {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]},
                ]
            )
        }
    )
    | st.fixed_dictionaries({"podSelector": k8s_labels, "namespaceSelector": st.just({})})
    | st.fixed_dictionaries({"ipBlock": st.fixed_dictionaries({"cidr": one_of(["0.0.0.0/0", "203.0.113.0/24"])})})
)
k8s_ports = one_of(
    [{"port": 80}, {"port": 80, "protocol": "TCP"}, {"protocol": "TCP"}, {"port": "http"},
     {"port": 53, "protocol": "UDP"}, {"port": 64, "endPort": 127}]
)  # fmt: skip


def k8s_elements(word: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={word: st.lists(k8s_peers, max_size=2), "ports": st.lists(k8s_ports, max_size=2)}
    )


k8s_specs = st.fixed_dictionaries(
    {"podSelector": k8s_labels},
    optional={
        "policyTypes": one_of([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        "ingress": st.lists(k8s_elements("from"), max_size=2),
        "egress": st.lists(k8s_elements("to"), max_size=2),
    },
)


@st.composite
def policies(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Up to three policies of one cluster, by plural."""
    made: dict[str, list[dict[str, Any]]] = {
        "ciliumnetworkpolicies": [], "ciliumclusterwidenetworkpolicies": [], "networkpolicies": []
    }  # fmt: skip
    kinds = {
        "ciliumnetworkpolicies": "CiliumNetworkPolicy",
        "ciliumclusterwidenetworkpolicies": "CiliumClusterwideNetworkPolicy",
        "networkpolicies": "NetworkPolicy",
    }
    for number in range(draw(one_of([1, 2, 2, 3, 0]))):
        plural = draw(one_of([*kinds, "ciliumnetworkpolicies", "ciliumnetworkpolicies"]))
        meta = {"name": f"p{number}", "uid": f"u{number}"}
        if plural != "ciliumclusterwidenetworkpolicies":
            meta["namespace"] = draw(one_of(["default", "default", "shop"]))
        spec = draw(k8s_specs if plural == "networkpolicies" else cilium_specs())
        made[plural].append({"kind": kinds[plural], "metadata": meta, "spec": spec})
    return made


def pod(number: int, index: int, space: str, app: str, node: str, **spec: Any) -> dict[str, Any]:
    """A running pod with two named ports and labels that are, and are not, part of an identity."""
    labels = {"app": app, "pod-template-hash": "abc", "kubernetes.io/arch": "arm", "app.kubernetes.io/part-of": space}
    listed = [
        {"name": "http", "containerPort": 80},
        {"name": "https", "containerPort": 443, "protocol": "TCP"},
        {"name": "admin", "containerPort": 80 if app == "web" else 8080},
    ]
    host = spec.get("hostNetwork")
    return {
        "metadata": {"name": f"{app}-{index}", "namespace": space, "labels": labels, "uid": f"pod-{number}-{index}"},
        "spec": {
            "nodeName": node, "serviceAccountName": "robot" if app == "api" else "default",
            "containers": [{"name": "c", "ports": listed}], **spec,
        },
        "status": {"phase": "Running", "podIP": node_ip(number, node) if host else f"10.{number}.1.{index + 1}"},
    }  # fmt: skip


def node_ip(number: int, node: str) -> str:
    return f"192.168.{number}.{node[-1]}"


def inventory(number: int) -> dict[str, list[dict[str, Any]]]:
    """What is the same in every generated cluster: nodes, pods and Services, of which `web` has no selector."""
    nodes = ("node-1", "node-2")
    pods = [
        pod(number, 0, "default", "web", "node-1"),
        pod(number, 1, "default", "api", "node-2"),
        pod(number, 2, "shop", "web", "node-1"),
        pod(number, 3, "default", "agent", "node-1", hostNetwork=True),
    ]
    chosen: dict[str, dict[str, str]] = {
        "web": {}, "api": {"app": "api"}, "dotted": {"app.kubernetes.io/part-of": "default"}
    }  # fmt: skip
    services = [
        {
            "metadata": {"name": name, "namespace": "default", "labels": {"expose": "no" if name == "web" else "yes"}},
            "spec": {"clusterIP": f"172.2{number}.0.{index + 9}", "ports": [], "selector": selector},
        }
        for index, (name, selector) in enumerate(chosen.items())
    ]
    target = {"kind": "Pod", "namespace": "default", "name": "web-0"}
    return {
        "nodes": [
            {
                "metadata": {"name": node},
                "status": {"addresses": [{"type": "InternalIP", "address": node_ip(number, node)}]},
            }
            for node in nodes
        ],
        "pods": pods,
        "services": services,
        "endpointslices": [
            {
                "metadata": {
                    "name": "web-1",
                    "namespace": "default",
                    "labels": {"kubernetes.io/service-name": "web"},
                },
                "addressType": "IPv4",
                "endpoints": [{"addresses": [f"10.{number}.1.1"], "conditions": {"ready": True}, "targetRef": target}],
                "ports": [{"port": 80}],
            }
        ],
    }


settings = st.fixed_dictionaries(
    {},
    optional={
        "policy-default-local-cluster": one_of(["true", "false"]),
        "enable-policy": one_of(["default", "default", "default", "always", "never"]),
        "enable-non-default-deny-policies": one_of(["true", "true", "false"]),
    },
)


@st.composite
def cluster(draw: st.DrawFn, number: int) -> PlainCluster:
    """One cluster with four pods and its own policies."""
    spaces = []
    for space in SPACES:
        meta: dict[str, Any] = {"name": space, "labels": {"kubernetes.io/metadata.name": space}}
        if draw(st.booleans()):
            meta["labels"]["team"] = draw(one_of(["blue", "red"]))
        if draw(one_of([False] * 5 + [True])):
            meta["annotations"] = {"clustermesh.cilium.io/global": draw(one_of(["false", "true"]))}
        spaces.append({"metadata": meta})
    objects = {**inventory(number), "namespaces": spaces, **draw(policies())}
    version = draw(one_of([(1, 17), (1, 18), (1, 19), (1, 20), (1, 21)]))
    config = draw(settings)
    if version < (1, 18):  # has no such option, and no chart writes it
        config.pop("policy-default-local-cluster", None)
    return PlainCluster(objects, version, config)


@st.composite
def meshes(draw: st.DrawFn) -> list[PlainCluster]:
    """Two or three clusters."""
    return [draw(cluster(number)) for number in range(draw(one_of([2, 2, 3])))]


def pods_of(clusters: list[PlainCluster]) -> list[tuple[str, dict[str, Any]]]:
    """Every pod with its cluster's name."""
    return [(n, p) for n, c in zip(names_of(clusters), clusters, strict=True) for p in c.objects["pods"]]
