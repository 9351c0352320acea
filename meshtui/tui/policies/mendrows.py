"""Proposals as lines: where, how, the policy as YAML, what it opens and closes, and what none of them can mend."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.model.state import Mesh
from meshtui.core.policy.mend import Proposal, Remedy
from meshtui.tui.widgets.paint import Line, Span, safe, tag, wrapped

MOST = 6


def proposal_lines(
    mesh: Mesh, proposal: Proposal, at: int, of: int, width: int, *, edited: bool, left_out: bool
) -> list[Line]:
    """One proposal: its head, its YAML, its effects."""
    cluster = mesh.clusters[proposal.context]
    which = f" ({at + 1} of {of}, space for another)" if of > 1 else ""
    head: list[Span] = [Span(" "), tag(cluster.tag, cluster.index, bracket=True), Span(" ")]
    name = f"{proposal.namespace}/{proposal.name}" if proposal.namespace else proposal.name
    head += [Span(f"{proposal.direction.value} at {safe(cluster.name)}: "), Span(safe(name, 120), "strong")]
    head += [Span(" ─ left out" if left_out else f" ─ {safe(proposal.title, 120)}{which}", "dim")]
    lines: list[Line] = [head]
    if left_out:
        return [*lines, ()]
    lines += [[Span(f"     {line}", "info")] for line in yaml_of(proposal).splitlines()]
    lines += _effects(proposal, width, edited=edited)
    return [*lines, ()]


def _effects(proposal: Proposal, width: int, *, edited: bool) -> list[Line]:
    if edited:
        return [[Span("   edited: what it opens is judged when it is in place", "warn")]]
    lines: list[Line] = []
    texts = [f"also allows {opening}" for opening in proposal.beside[:MOST]]
    if len(proposal.beside) > MOST:
        texts.append(f"and {len(proposal.beside) - MOST} more")
    texts += [f"switches default deny on for {pod}" for pod in proposal.closes]
    for text in texts:
        lines += [[Span(part, "warn")] for part in wrapped(safe(text), width, indent=3)]
    return lines or [[Span("   allows nothing beyond what is asked", "dim")]]


def yaml_of(proposal: Proposal) -> str:
    """The policy as a person reads and edits it."""
    import yaml

    return str(yaml.safe_dump(dict(proposal.manifest), sort_keys=False, allow_unicode=False))


def obstacle_lines(remedy: Remedy, width: int) -> list[Line]:
    """What stays refused, and why."""
    if not remedy.obstacles:
        return []
    lines: list[Line] = [[Span(" No policy of its own would mend this", "strong")]]
    for text in remedy.obstacles:
        lines += [[Span(part, "bad")] for part in wrapped(safe(text), width, indent=3)]
    return lines


def effects_of(proposals: Sequence[Proposal]) -> tuple[str, ...]:
    """What a plan of these does, in sentences."""
    opened = [f"{p.cluster}: allows {o}" for p in proposals for o in p.openings if o.asked]
    beside = [f"{p.cluster}: also allows {o}" for p in proposals for o in p.beside]
    closed = [f"{p.cluster}: switches default deny on for {pod}" for p in proposals for pod in p.closes]
    return tuple(dict.fromkeys((*opened, *beside, *closed)))
