"""What the judgement found broken, as findings."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.health.model import Judgement, Trouble


def broken(judgement: Judgement) -> Iterator[Finding]:
    """Each trouble as a finding of its own."""
    for trouble in judgement.troubles:
        yield finding_of(trouble)


def finding_of(trouble: Trouble) -> Finding:
    """A trouble with its command as advice."""
    return Finding(
        Kind[trouble.cause.name],
        trouble.severity,
        trouble.contexts,
        trouble.object,
        trouble.sentence,
        trouble.evidence,
        advice=trouble.command,
        since=trouble.since,
        still=trouble.still,
        because=Kind[trouble.because.name] if trouble.because else None,
        hiding=trouble.hiding,
    )
