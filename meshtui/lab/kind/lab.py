"""`lab up` and `lab down`: look, build from where it stood, tell what came of it, remove exactly that."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meshtui.core.clock import Clock
from meshtui.core.errors import CheckFailed
from meshtui.lab.facts import NODES, RELAY
from meshtui.lab.kind import commands as c
from meshtui.lab.kind.design import Design, design, kind_config
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.preflight import ASK, Findings, clusters, look
from meshtui.lab.kind.record import Record, Records, design_of, new, published
from meshtui.lab.kind.run import ask
from meshtui.lab.kind.work import Show, Work
from meshtui.lab.steps import LabStep


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for."""

    names: tuple[str, ...] = ("koornacht", "tion")
    nodes: int = NODES
    cilium: str = ""
    provider: str = "docker"
    until: str = "connected"
    """The tour's step to stop at."""
    force: bool = False
    """Build in spite of low limits or little memory."""


def plan(wish: Wish, records: Records) -> tuple[Design, Record | None]:
    """The lab to build: one begun before as it was begun, else a new one. Raises UsageError."""
    found = records.read("+".join(wish.names))
    if found is not None:
        return design_of(found), found
    lab = design(secrets.token_hex(4), wish.names, nodes=wish.nodes, cilium=wish.cilium, provider=wish.provider)
    return lab, None


async def up(
    wish: Wish, records: Records, machine: Machine, show: Show, clock: Clock, *, patience: float | None = None
) -> Design:
    """Build it, or go on where it was left. Raises CheckFailed, UsageError."""
    lab, record = plan(wish, records)
    machine = machine.providing(lab.provider)
    found = await look(lab, machine, record)
    for note in found.notes:
        show.say(note)
    stop(found, force=wish.force)
    if record is None:
        lab = lab.with_ports(found.ports)
        record = new(lab, clock.now())
        record.inherit = found.inherit
        records.write(record)
    elif record.done:
        show.say(f"going on after: {record.done[-1]}")
    directory = records.directory(lab.name)
    every = c.up(lab, directory, inherit=record.inherit)
    work = Work(lab, record, machine, directory, show, clock, records.write, patience)
    await work.carry_out(every[: c.last_of(every, wish.until)], len(every))
    return lab


def stop(found: Findings, *, force: bool) -> None:
    """Raise CheckFailed naming every problem and its cure."""
    problems = [problem for problem in found.problems if problem.hard or not force]
    if not problems:
        return
    told = "; ".join(problem.what for problem in problems)
    cures = "; ".join(problem.cure for problem in problems)
    may = "" if any(problem.hard for problem in problems) else "; or give --force"
    raise CheckFailed(told, hint=cures + may)


async def down(records: Records, names: Sequence[str], machine: Machine, show: Show, clock: Clock) -> list[str]:
    """Remove the clusters of one lab and nothing else; returns their names. Raises CheckFailed, UsageError.

    A cluster is ours when it was not there before we made it and carries our label. One whose making was cut off may
    carry none yet; then that it was not there before must do.
    """
    record = records.one(names)
    lab = design_of(record)
    machine = machine.providing(lab.provider)
    work = Work(lab, record, machine, records.directory(lab.name), show, clock, records.write)
    there = await clusters(machine)
    removed = []
    for number, (site, command) in enumerate(zip(lab.sites, c.down(lab), strict=True), 1):
        if site.name not in there or site.name not in record.absent:
            continue
        if f"create {site.name}" in record.done and not (await ask(c.ours(lab, site), machine.env, ASK) or b"").strip():
            raise CheckFailed(
                f"kind's cluster {site.name} does not carry this lab's label, so it is left alone",
                cause="it does not answer, or somebody made it anew",
                hint=f"if it is the lab's, remove it yourself: kind delete cluster --name {site.name}",
            )
        show.begin(command, number, len(lab.sites))
        begun = clock.monotonic()
        await work.remove(command)
        show.end(command, clock.monotonic() - begun, False)
        removed.append(site.name)
    records.forget(record)
    return removed


def script(lab: Design, directory: Path, *, inherit: bool = False, until: str = "connected") -> list[str]:
    """The commands that build it, with kind's configurations as here-documents."""
    lines = []
    every = c.up(lab, directory, inherit=inherit)
    for command in every[: c.last_of(every, until)]:
        site = next(site for site in lab.sites if site.name == command.cluster)
        if command.id == f"create {site.name}":
            path = c.config_path(directory, site)
            lines.append(f"cat > {path} <<'EOF'\n{kind_config(lab, site)}EOF")
        lines.append(command.text)
    return lines


def dashboard(lab: Design) -> list[str]:
    """The arguments with which meshtui opens on the lab."""
    words = [word for site in lab.sites for word in ("--context", site.context)]
    relay = published(lab, RELAY)
    if relay is not None:
        words += ["--relay", f"{relay[0].context}=127.0.0.1:{relay[1].host}"]
    return words


def usual(step: LabStep) -> tuple[str, ...]:
    """The commands of a foundation step in the lab as it is by default."""
    made = design("lab", Wish().names, nodes=NODES)
    return tuple(command.text for command in c.up(made, Path()) if command.step == step.name)
