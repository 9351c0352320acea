"""What a check looks with, and what it says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from meshtui.core.model.state import Cluster
from meshtui.lab.place import Place
from meshtui.lab.texts import told
from meshtui.mesh.session import Session

MAX_TIME = 2.0
"""Seconds a request may take."""


@dataclass(frozen=True, slots=True)
class CheckInput:
    """One look at the lab."""

    session: Session
    place: Place
    max_time: float = MAX_TIME
    since: float = 0.0
    """Wall time from which on drops count."""

    @property
    def clusters(self) -> tuple[Cluster, Cluster]:
        """Both clusters as they are known now."""
        known = self.session.mesh.clusters
        return known[self.place.first.context], known[self.place.second.context]

    def told(self, sentence: str) -> str:
        """A sentence with this lab's names."""
        return told(sentence, self.place)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    ok: bool
    sentence: str
    """What holds, or what does not."""
    outcomes: tuple[frozenset[str], frozenset[str]] | None = None
    """How requests from the first and from the second cluster ended, where any were made."""
    seen: tuple[str, ...] = field(default=())
    """What it was told from, a line each."""


Check = Callable[[CheckInput], Awaitable[Checked]]


def good(sentence: str) -> Checked:
    """It holds."""
    return Checked(True, sentence)


def bad(sentence: str) -> Checked:
    """It does not hold."""
    return Checked(False, sentence)


def every(*checks: Check) -> Check:
    """One check of several, in order; the first that does not hold is what is said."""

    async def check(given: CheckInput) -> Checked:
        held: list[Checked] = []
        for each in checks:
            found = await each(given)
            if not found.ok:
                return found
            held.append(found)
        # What was seen of the traffic says more than what was written; else the last word counts.
        telling = [one for one in held if one.outcomes] or held[-1:]
        rest = [one.sentence for one in held if one not in telling]
        seen = (*(line for one in held for line in one.seen), *rest)
        return Checked(True, " ".join(one.sentence for one in telling), telling[-1].outcomes, seen)

    return check
