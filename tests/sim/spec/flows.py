"""Flows sorted into connections, and flows without what is random, alike for recorded and simulated ones."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

from meshtui.sim.datapath.probes import Prober
from meshtui.sim.world import World
from tests.sim.worlds import curl, drive, flows

Flow = dict[str, Any]
Kind = tuple[str, str, str]
"""Protocol, who asks, who is asked."""
_PORT = 30000


def role(endpoint: Flow) -> str:
    """Which party an endpoint is, whatever its pod's random name."""
    name = re.sub(r"-[0-9a-f]{9,10}-[a-z0-9]{5}$", "", endpoint.get("pod_name", ""))
    return f"{name}@{endpoint['cluster_name']}" if name else ",".join(endpoint["labels"])


def normal(flow: Flow) -> str:
    """A flow with everything that is random or given out by chance replaced by a mark that it is there."""
    found = json.loads(json.dumps(flow))
    for key in ("time", "uuid"):
        found.pop(key, None)
    source, destination = found["source"], found["destination"]
    found["IP"]["source"], found["IP"]["destination"] = role(source), role(destination)
    for endpoint in (source, destination):
        if "ID" in endpoint:
            endpoint["ID"] = "some"
        endpoint["pod_name"] = role(endpoint)
    for layer in found["l4"].values():
        for key in ("source_port", "destination_port"):
            layer[key] = "ephemeral" if layer[key] > _PORT else layer[key]
    for key in ("ethernet", "proxy_port"):
        if key in found:
            found[key] = "some"
    if "interface" in found:
        found["interface"] = re.sub(r"^lxc.*", "lxc", found["interface"]["name"])
    for key in ("egress_allowed_by", "ingress_allowed_by", "egress_denied_by", "ingress_denied_by"):
        for policy in found.get(key, ()):
            policy["revision"] = "some"
            policy["labels"] = [label for label in policy["labels"] if "policy.uid" not in label]
    return json.dumps(found, sort_keys=True)


def connections(found: list[Flow]) -> dict[Kind, list[list[Flow]]]:
    """Flows by connection, connections by protocol and parties."""
    by_ends: dict[Any, list[Flow]] = defaultdict(list)
    for flow in found:
        (protocol, layer), *_ = flow["l4"].items()
        ends = [(flow["IP"]["source"], layer["source_port"]), (flow["IP"]["destination"], layer["destination_port"])]
        by_ends[protocol, *sorted(ends)].append(flow)
    kinds: dict[Kind, list[list[Flow]]] = defaultdict(list)
    for (protocol, *_), held in by_ends.items():
        first = next((f for f in held if not f.get("is_reply")), held[0])
        kinds[protocol, role(first["source"]), role(first["destination"])].append(held)
    return kinds


def traffic(made: World) -> list[Flow]:
    """Every flow of twelve requests from each cluster and of two rounds of kubelet probes."""
    for cluster in made.clusters.values():
        curl(made, cluster.name, count=12)
        prober = Prober(made, cluster)
        prober.tick()
        drive(made, made.clock.sleep(11))
        prober.tick()
    return flows(made)
