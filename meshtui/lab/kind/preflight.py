"""What must be so before the lab is built: tools, a running provider, kernel limits, memory, ports, names."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from meshtui.lab.kind.design import Design
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.record import Record
from meshtui.lab.kind.run import ask

_GB = 1024**3
WATCHES, INSTANCES = 524_288, 512
"""What kind asks for where several nodes run (kind.sigs.k8s.io, known issues: too many open files)."""
_CLUSTER_GB, _NODE_GB = 0.8, 0.6
"""Rough needs with Cilium, Hubble and the mesh's control plane."""
ASK = 30.0
"""Seconds a tool may take to say something about itself."""
GET = {
    "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation (or `go install sigs.k8s.io/kind@latest`)",
    "cilium": "https://docs.cilium.io → Getting Started → Install the Cilium CLI",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "docker": "https://docs.docker.com/engine/install/ (or give --provider podman)",
    "podman": "https://podman.io/docs/installation (or give --provider docker)",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that stands in the way."""

    what: str
    cure: str
    hard: bool = True
    """Whether --force does not help."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found."""

    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    """Said, not in the way: versions, ports that were moved."""
    ports: dict[int, int]
    """Node port → another port of this machine, because the lab's own is taken."""
    inherit: bool = False
    """Whether this cilium CLI takes a CA over itself."""


async def look(lab: Design, machine: Machine, record: Record | None) -> Findings:
    """Look at everything at once, so that a person hears of all problems the first time."""
    missing = [tool for tool in (lab.provider, "kind", "cilium", "kubectl") if not machine.has(tool)]
    problems = [Problem(f"{tool} is not installed", GET[tool]) for tool in missing]
    problems += _limits(machine)
    notes: list[str] = []
    if not missing:
        notes += await _versions(lab, machine)
        running = await ask((lab.provider, "info"), machine.env, ASK)
        if running is None:
            problems.append(
                Problem(f"{lab.provider} does not answer", f"start it, and see whether `{lab.provider} info` works")
            )
        else:
            problems += await _names(lab, machine, record)
    building = record is None or f"create {lab.sites[0].name}" not in record.done
    ports, said = _ports(lab, machine) if building else ({}, [])
    if building:
        problems += _memory(lab, machine)
    help_text = await ask(("cilium", "install", "--help"), machine.env, ASK) if not missing else None
    return Findings(tuple(problems), (*notes, *said), ports, b"--inherit-ca" in (help_text or b""))


def _limits(machine: Machine) -> list[Problem]:
    found = []
    for name, least in (("max_user_watches", WATCHES), ("max_user_instances", INSTANCES)):
        limit = machine.limit(name)
        if limit is not None and limit < least:
            cure = f"sudo sysctl fs.inotify.{name}={least}"
            found.append(Problem(f"fs.inotify.{name} is {limit}: nodes would run out of it", cure, hard=False))
    return found


def _memory(lab: Design, machine: Machine) -> list[Problem]:
    free = machine.memory()
    need = sum(_CLUSTER_GB + _NODE_GB * site.nodes for site in lab.sites)
    if free is None or free >= need * _GB:
        return []
    cure = "free some, or give --nodes 1"
    return [Problem(f"{free / _GB:.1f} GB of memory are free, the lab needs about {need:.1f} GB", cure, hard=False)]


def _ports(lab: Design, machine: Machine) -> tuple[dict[int, int], list[str]]:
    """Which ports must be others, and the words for it."""
    moved: dict[int, int] = {}
    notes = []
    wanted = [port for site in lab.sites for port in site.ports]
    used = {port.host for port in wanted}
    for port in wanted:
        chosen = port.host if machine.free(port.host) else machine.near(port.host, used)
        used.add(chosen)
        if chosen != port.host:
            moved[port.node] = chosen
            notes.append(f"port {port.host} is taken: {port.purpose} gets port {chosen}")
    return moved, notes


async def _versions(lab: Design, machine: Machine) -> list[str]:
    asked = (("kind", "version"), ("cilium", "version", "--client"), ("kubectl", "version", "--client"))
    told = await asyncio.gather(*(ask(words, machine.env, ASK) for words in asked))
    lines = [(out or b"").decode("utf-8", "replace").strip().partition("\n")[0] for out in told]
    return [line for line in lines if line]


async def _names(lab: Design, machine: Machine, record: Record | None) -> list[Problem]:
    """Clusters of our names that are not ours."""
    found = []
    there = await clusters(machine)
    for site in lab.sites:
        if site.name in there and (record is None or site.name not in record.absent):
            cure = f"give other names with --clusters, or `kind delete cluster --name {site.name}` if it is yours"
            found.append(Problem(f"there is a kind cluster {site.name} that this lab did not make", cure))
    return found


async def clusters(machine: Machine) -> frozenset[str]:
    """Names of the kind clusters there are."""
    told = await ask(("kind", "get", "clusters"), machine.env, ASK)
    return frozenset((told or b"").decode("utf-8", "replace").split())
