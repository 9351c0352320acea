"""The commands that build a lab, in order, and those that remove it."""

from __future__ import annotations

import itertools
import shlex
from dataclasses import dataclass
from pathlib import Path

from meshtui.lab.facts import RELAY, UI, Site
from meshtui.lab.kind.design import LABEL, Design

SYSTEM = "kube-system"
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Probe:
    """A question whose output says whether a command's effect is there already."""

    argv: tuple[str, ...]
    lines: int = 1
    """That many lines of output at least; none means it is not there."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    id: str
    """What the record calls it: `create koornacht`."""
    step: str
    """The tour's step it belongs to."""
    argv: tuple[str, ...]
    cluster: str = ""
    """The one cluster it changes."""
    feed: tuple[str, ...] = ()
    """A command whose output is this one's input, and is never shown."""
    there: Probe | None = None
    """Asked before: what is there already is not done again. Without one, doing it again does no harm."""
    until: Probe | None = None
    """Asked afterwards until it is so."""
    patience: float = 20 * MINUTE
    """Seconds after which it hangs."""

    @property
    def text(self) -> str:
        """As a person would type it."""
        if not self.feed:
            return shlex.join(self.argv)
        return f"{shlex.join(self.feed)} |\n  {shlex.join(self.argv)}"


def config_path(directory: Path, site: Site) -> Path:
    """Where kind's configuration of a cluster is written."""
    return directory / f"kind_{site.name}.yaml"


def up(lab: Design, directory: Path, *, inherit: bool = False) -> tuple[Command, ...]:
    """Everything, in order. `inherit`: this cilium CLI takes over a CA itself (--inherit-ca, before 0.15)."""
    first = lab.sites[0]
    found = [_create(lab, site, directory) for site in lab.sites]
    for site in lab.sites:
        if site is not first and not inherit:
            found.append(_copy_authority(first, site))
        found.append(_install(lab, site, first if inherit and site is not first else None))
        found.append(_status(f"nodes of {site.name}", "cilium", site))
    hubble = ("cilium", "hubble", "enable", "--ui", "--context", first.context)
    found += [Command("hubble", "hubble", hubble, first.name), _status("hubble ready", "hubble", first)]
    for site in lab.sites:
        enable = ("cilium", "clustermesh", "enable", "--context", site.context, "--service-type", "NodePort")
        found.append(Command(f"enable {site.name}", "mesh-enabled", enable, site.name))
    found += [_mesh_status(f"mesh of {site.name}", "mesh-enabled", site) for site in lab.sites]
    for one, other in itertools.combinations(lab.sites, 2):
        connect = ("cilium", "clustermesh", "connect")
        argv = (*connect, "--context", one.context, "--destination-context", other.context)
        found.append(Command(f"connect {one.name} {other.name}", "connected", argv, one.name))
    found += [_mesh_status(f"links of {site.name}", "connected", site) for site in lab.sites]
    return tuple(found)


def down(lab: Design) -> tuple[Command, ...]:
    """Removes the clusters, each by its name."""
    return tuple(delete(site) for site in lab.sites)


def delete(site: Site) -> Command:
    """Removes one cluster."""
    return Command(f"delete {site.name}", "clusters", ("kind", "delete", "cluster", "--name", site.name), site.name)


def ours(lab: Design, site: Site) -> tuple[str, ...]:
    """Names the nodes of a cluster that carry this lab's label."""
    return ("kubectl", "--context", site.context, "get", "nodes", "-l", f"{LABEL}={lab.id}", "-o", "name")


def nodes(site: Site) -> tuple[str, ...]:
    """Names a cluster's nodes."""
    return ("kubectl", "--context", site.context, "get", "nodes", "-o", "name")


def _create(lab: Design, site: Site, directory: Path) -> Command:
    argv = ("kind", "create", "cluster", "--name", site.name, "--config", str(config_path(directory, site)))
    return Command(
        f"create {site.name}", "clusters", argv, site.name,
        there=Probe(ours(lab, site)), until=Probe(nodes(site), site.nodes),
    )  # fmt: skip


def _install(lab: Design, site: Site, authority: Site | None) -> Command:
    settings = [f"cluster.name={site.name}", f"cluster.id={site.id}", "ipam.mode=kubernetes"]
    for port in site.ports:
        role = {RELAY: "relay", UI: "ui"}.get(port.node)
        if role:
            settings += [f"hubble.{role}.service.type=NodePort", f"hubble.{role}.service.nodePort={port.node}"]
    words = [word for setting in settings for word in ("--set", setting)]
    words += ["--version", lab.cilium] if lab.cilium else []
    words += ["--inherit-ca", authority.context] if authority else []
    return Command(
        f"install {site.name}", "cilium", ("cilium", "install", "--context", site.context, *words), site.name,
        there=Probe(_get(site, "daemonset", "cilium")),
    )  # fmt: skip


def _copy_authority(first: Site, site: Site) -> Command:
    """Both must trust one authority; the other has it before its certificates are made."""
    read = ("kubectl", "--context", first.context, "-n", SYSTEM, "get", "secret", "cilium-ca", "-o", "yaml")
    create = ("kubectl", "--context", site.context, "-n", SYSTEM, "create", "-f", "-")
    there = Probe(_get(site, "secret", "cilium-ca"))
    return Command(f"authority of {site.name}", "cilium", create, site.name, feed=read, there=there)


def _get(site: Site, kind: str, name: str) -> tuple[str, ...]:
    words = ("get", kind, name, "--ignore-not-found", "-o", "name")
    return ("kubectl", "--context", site.context, "-n", SYSTEM, *words)


def _status(name: str, step: str, site: Site) -> Command:
    return Command(name, step, ("cilium", "status", "--context", site.context, "--wait"), site.name)


def _mesh_status(name: str, step: str, site: Site) -> Command:
    argv = ("cilium", "clustermesh", "status", "--context", site.context, "--wait")
    return Command(name, step, argv, site.name)


def last_of(commands: tuple[Command, ...], step: str) -> int:
    """How many commands it takes to reach a step of the tour."""
    steps = ["clusters", "cilium", "hubble", "mesh-enabled", "connected"]
    wanted = steps.index("clusters" if step == "no-cni" else step)
    return sum(steps.index(command.step) <= wanted for command in commands)
