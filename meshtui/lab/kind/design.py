"""What is to be built: the clusters, the versions, and where it is written down."""

from __future__ import annotations

from dataclasses import dataclass, replace

from meshtui.core.errors import UsageError
from meshtui.lab.facts import Port, Site, sites

PROVIDERS = ("docker", "podman")
LABEL = "meshtui.io/lab"
"""Label of the nodes of clusters that meshtui made; its value is the lab's id."""


@dataclass(frozen=True, slots=True)
class Design:
    """One lab."""

    id: str
    """Random: told apart from any other lab of the same names."""
    sites: tuple[Site, ...]
    cilium: str = ""
    """Version of Cilium; empty leaves it to the CLI."""
    provider: str = "docker"

    @property
    def name(self) -> str:
        """`koornacht+tion`."""
        return "+".join(site.name for site in self.sites)

    def with_ports(self, taken: dict[int, int]) -> Design:
        """With other ports of this machine: node port → host port."""
        moved = [
            replace(site, ports=tuple(Port(p.purpose, p.node, taken.get(p.node, p.host)) for p in site.ports))
            for site in self.sites
        ]
        return replace(self, sites=tuple(moved))


def design(identity: str, names: tuple[str, ...], *, nodes: int, cilium: str = "", provider: str = "docker") -> Design:
    """A lab as asked for. Raises UsageError."""
    if provider not in PROVIDERS:
        raise UsageError(f"there is no provider {provider!r}", hint=f"providers: {', '.join(PROVIDERS)}")
    version = cilium.removeprefix("v")
    if version and not all(part[:1].isalnum() for part in version.split(".")):
        raise UsageError(f"Cilium cannot be version {cilium!r}", hint="for example 1.19.1")
    return Design(identity, sites(names, nodes=nodes), version, provider)


def kind_config(lab: Design, site: Site) -> str:
    """Kind's configuration of one cluster: no CNI, address ranges of its own, ports published, our label."""
    lines = ["---", "kind: Cluster", "apiVersion: kind.x-k8s.io/v1alpha4", "nodes:", "  - role: control-plane"]
    lines += ["    labels:", f'      {LABEL}: "{lab.id}"']
    if site.ports:
        lines.append("    extraPortMappings:")
    for port in site.ports:
        lines += [f"      # {port.purpose}", f"      - containerPort: {port.node}", f"        hostPort: {port.host}"]
    lines += ["  - role: worker"] * (site.nodes - 1)
    lines += [
        "networking:",
        "  disableDefaultCNI: true",
        f"  podSubnet: {site.pods}",
        f"  serviceSubnet: {site.services}",
    ]
    return "\n".join(lines) + "\n"
