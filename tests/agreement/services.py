"""Generates services over several clusters: annotations, ports, endpoints in every condition, namespaces."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.agreement.books import PlainCluster

NAMESPACE, NAME = "rebels", "base"
KEYS = (
    "service.cilium.io/global", "service.cilium.io/shared", "service.cilium.io/affinity",
    "io.cilium/global-service", "io.cilium/shared-service", "io.cilium/service-affinity",
)  # fmt: skip
TRUE = st.sampled_from(["true", "True", "TRUE"])
ODD = st.sampled_from(["", "yes", "1", " true", "t", "on", "none", "false"])
WORDS = st.sampled_from(["local", "remote", "none", "Local", "REMOTE", "None", "", "loacl", "true"])

usual = st.fixed_dictionaries({"service.cilium.io/global": TRUE}, optional={"service.cilium.io/affinity": WORDS})
any_marks = st.fixed_dictionaries(
    {}, optional={key: WORDS if "affinity" in key else TRUE | ODD for key in KEYS}
)  # fmt: skip
marks = usual | any_marks
ready = st.just({"ready": True, "serving": True, "terminating": False})
conditions = (
    ready
    | ready
    | ready
    | st.fixed_dictionaries({}, optional={name: st.booleans() for name in ("ready", "serving", "terminating")})
)
PORT_SETS: list[list[dict[str, Any]]] = [
    [{"port": 80}],
    [{"port": 80, "protocol": "TCP"}],
    [{"name": "http", "port": 80, "protocol": "TCP"}],
    [{"name": "web", "port": 80, "protocol": "TCP"}, {"name": "dns", "port": 53, "protocol": "UDP"}],
    [{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": "admin", "port": 9000, "protocol": "TCP"}],
    [{"port": 53, "protocol": "UDP"}],
]
port_sets = st.sampled_from(PORT_SETS[:3]) | st.sampled_from(PORT_SETS)
namespaces = st.sampled_from([None, {}, {}, {"clustermesh.cilium.io/global": "true"}]) | st.fixed_dictionaries(
    {"clustermesh.cilium.io/global": st.sampled_from(["false", "True", "", "no"])}
)
config = st.fixed_dictionaries(
    {}, optional={"clustermesh-default-global-namespace": st.sampled_from(["true", "false"])}
)  # fmt: skip


@st.composite
def slices(draw: st.DrawFn, number: int, ports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Up to two EndpointSlices of a cluster; now and then IPv6, another cluster's mirror, or an address in both."""
    made = []
    shared = draw(st.sampled_from([False, False, True]))
    for index in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2]))):
        family = draw(st.sampled_from(["IPv4"] * 11 + ["IPv6"]))
        labels = {"kubernetes.io/service-name": NAME}
        if draw(st.sampled_from([False] * 11 + [True])):
            labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-mesh-controller.cilium.io"
        endpoints = []
        for count in range(draw(st.sampled_from([1, 1, 2, 2, 3, 0]))):
            where = draw(st.sampled_from([number, number, 9] if shared else [number]))
            part = 0 if where == 9 else index
            address = f"10.{where}.{part}.{count + 1}" if family == "IPv4" else f"fd00:{where}::{part}:{count + 1}"
            node = draw(st.sampled_from(["node-1", "node-2"]))
            endpoints.append({"addresses": [address], "conditions": draw(conditions), "nodeName": node})
        offered = [{**p, "port": p["port"] + draw(st.sampled_from([0, 0, 7000]))} for p in ports]
        offered = [{"name": "", "protocol": "TCP", **p} for p in offered]
        made.append(
            {
                "metadata": {"name": f"{NAME}-{index}", "namespace": NAMESPACE, "labels": labels},
                "addressType": family, "endpoints": endpoints, "ports": offered,
            }
        )  # fmt: skip
    return made


@st.composite
def cluster(draw: st.DrawFn, number: int, count: int) -> PlainCluster:
    """One cluster with (mostly) the service `rebels/base`."""
    ports = draw(port_sets)
    address = draw(st.sampled_from([f"172.2{number}.0.1"] * 6 + ["None", f"fd00:{number}::aa"]))
    services = [
        {
            "metadata": {"name": NAME, "namespace": NAMESPACE, "annotations": draw(marks)},
            "spec": {
                "clusterIP": address, "type": "ClusterIP", "ports": ports,
                "ipFamilies": ["IPv6" if ":" in address else "IPv4"],
                "internalTrafficPolicy": draw(st.sampled_from(["Cluster"] * 4 + ["Local"])),
            },
        }
    ]  # fmt: skip
    if draw(st.sampled_from([False] * 7 + [True])):
        services = []
    known = draw(namespaces)
    objects = {
        "services": services,
        "endpointslices": draw(slices(number, draw(st.just(ports) | port_sets))),
        "namespaces": [] if known is None else [{"metadata": {"name": NAMESPACE, "annotations": known}}],
    }
    connected = draw(st.none() | st.none() | st.frozensets(st.integers(0, count - 1)))
    version = draw(st.sampled_from([(1, 17), (1, 18), (1, 19), (1, 20), (1, 21)]))
    return PlainCluster(objects, version, draw(config), connected)


@st.composite
def meshes(draw: st.DrawFn) -> list[PlainCluster]:
    """Two to four clusters."""
    count = draw(st.sampled_from([2, 2, 2, 3, 4]))
    return [draw(cluster(number, count)) for number in range(count)]
