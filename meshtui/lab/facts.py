"""What the lab is made of: its clusters, their address ranges and published ports, and the images it runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshtui.core.errors import UsageError

NODES = 3
"""Nodes of a cluster: one control plane, the rest workers."""
MOST = 16
"""Clusters the address plan has room for, and a session shows."""
PLANETS = {"koornacht": "N'Zoth", "tion": "Foran Tutha"}
"""What rebel-base says beside its cluster's name."""
# cilium pkg/clustermesh/types/types.go: at most 32 of these, and `default` is no name in a mesh.
_NAME = re.compile(r"^([a-z0-9][-a-z0-9]*)?[a-z0-9]$")


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a cluster's control-plane node that is published on this machine."""

    purpose: str
    node: int
    """Port on the node: a NodePort."""
    host: int
    """Port on this machine."""


OWN, RELAY, UI = 32042, 31234, 31235
PORTS = (Port("the lab's own use", OWN, OWN), Port("Hubble Relay", RELAY, RELAY), Port("Hubble UI", UI, UI))
"""What the first cluster publishes."""


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster of the lab."""

    name: str
    id: int
    """Cilium's cluster id, from 1."""
    ports: tuple[Port, ...] = ()
    nodes: int = NODES

    @property
    def pods(self) -> str:
        """Range of pod addresses."""
        return f"10.{self.id}.0.0/16"

    @property
    def services(self) -> str:
        """Range of Service addresses."""
        return f"172.20.{self.id}.0/24"

    @property
    def title(self) -> str:
        """How rebel-base calls its cluster."""
        return self.name.capitalize()

    @property
    def planet(self) -> str:
        """What rebel-base says beside it."""
        return PLANETS.get(self.name, f"{self.title} Prime")

    @property
    def context(self) -> str:
        """The kubeconfig context that kind makes."""
        return f"kind-{self.name}"


def sites(names: Sequence[str] = ("koornacht", "tion"), *, nodes: int = NODES) -> tuple[Site, ...]:
    """The lab's clusters in order of their ids. Raises UsageError for names Cilium or kind would refuse."""
    if not 2 <= len(names) <= MOST:
        raise UsageError(f"the lab takes 2 to {MOST} clusters, not {len(names)}", hint="--clusters koornacht,tion")
    if not 1 <= nodes <= 20:
        raise UsageError(f"a cluster of the lab takes 1 to 20 nodes, not {nodes}")
    for name in names:
        if not _NAME.match(name) or len(name) > 32 or name == "default":
            raise UsageError(f"{name!r} cannot be a cluster's name", hint="up to 32 of a-z, 0-9 and -, not `default`")
    if len(set(names)) < len(names):
        raise UsageError("two clusters have the same name", hint="Cilium tells clusters of a mesh apart by name")
    found = [Site(name, number, nodes=nodes) for number, name in enumerate(names, 1)]
    return (replace(found[0], ports=PORTS), *found[1:])


@dataclass(frozen=True, slots=True)
class Images:
    """Container images of the application; a digest decides what runs, the tag before it is for people."""

    server: str = (
        "docker.io/library/nginx:1.27-alpine@sha256:65645c7bb6a0661892a8b03b89d0743208a18dd2f3f17a54ef4b76fb8e2f2a10"
    )
    """rebel-base: serves /usr/share/nginx/html on port 80."""
    client: str = (
        "quay.io/cilium/alpine-curl:v1.10.0@sha256:913e8c9f3d960dde03882defa0edd3a919d529c2eb167caa7f54194528bde364"
    )
    """x-wing: has sh, sleep and curl."""


IMAGES = Images()


def images_of(given: Sequence[str]) -> Images:
    """Images with `server=REFERENCE` and `client=REFERENCE` replaced. Raises UsageError for anything else."""
    found = IMAGES
    for text in given:
        role, equals, reference = text.partition("=")
        if role not in ("server", "client") or not equals or not reference.strip() or " " in reference:
            raise UsageError(f"--image takes server=REFERENCE or client=REFERENCE, not {text!r}")
        found = replace(found, **{role: reference})
    return found
