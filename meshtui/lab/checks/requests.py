"""Requests from both clusters' x-wing, and who answered them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from meshtui.core.load.run import Run, new_run
from meshtui.core.load.spec import Answer, LoadSpec, Request
from meshtui.lab.checks.checkinput import Check, Checked, CheckInput
from meshtui.lab.observe import SERVICE
from meshtui.lab.script import CLIENT
from meshtui.mesh.load.runs import Batch

ROUND = 10
"""Requests of one round from each cluster."""
ROUNDS = 4
"""What must be seen is seen by then: with an even split, one side is missed once in 10¹² times."""
AT_ONCE = 5
FIRST, SECOND, SILENCE = "first", "second", "times out"
_WORDS = {Answer.REFUSED: "is refused", Answer.DNS_FAILED: "name not resolved"}
_NOTHING: Mapping[str, str] = MappingProxyType({})
Outcomes = frozenset[str]


def answers(first: str, second: str, headers: Mapping[str, str] = _NOTHING) -> Check:
    """Requests from each cluster end in all of these ways and in no other; words separated by commas."""
    wanted = tuple(frozenset(word.strip() for word in words.split(",")) for words in (first, second))

    async def check(given: CheckInput) -> Checked:
        runs: list[list[Run]] = [[], []]
        for _ in range(ROUNDS):
            for index, run in enumerate(await fire(given, headers)):
                if run.problem:
                    return Checked(False, f"No requests could be made from {run.origin}: {run.problem}.")
                runs[index].append(run)
            seen = tuple(frozenset(_outcome(given, q) for run in each for q in run.requests) for each in runs)
            lines = tuple(_line(given, each) for each in runs)
            found = Checked(seen == wanted, _sentence(given, seen, wanted), (seen[0], seen[1]), lines)
            if found.ok and _enough(wanted, runs):
                return found
            if any(not got <= want for got, want in zip(seen, wanted, strict=True)):
                return found
        return found

    return check


def _enough(wanted: tuple[Outcomes, ...], runs: list[list[Run]]) -> bool:
    """One kind of answer alone could be chance: a second round makes an even split's one in a million."""
    return len(runs[0]) > 1 or all(len(want) > 1 or SILENCE in want for want in wanted)


async def fire(given: CheckInput, headers: Mapping[str, str] = _NOTHING) -> list[Run]:
    """Ten requests from each cluster, side by side."""
    specs = [
        LoadSpec(
            f"http://{SERVICE}/",
            half.context,
            given.place.namespace,
            CLIENT,
            count=ROUND,
            concurrency=AT_ONCE,
            max_time=given.max_time,
            headers=headers,
        )
        for half in given.place.halves
    ]
    runs = [new_run(given.session.mesh, spec) for spec in specs]
    batch = Batch(given.session, runs, lambda: None)
    await asyncio.shield(batch.carry_out())
    return runs


def _outcome(given: CheckInput, request: Request) -> str:
    if request.answer is Answer.ANSWERED:
        names = {half.name: word for half, word in zip(given.place.halves, (FIRST, SECOND), strict=True)}
        return names.get(request.cluster, request.cluster or "somebody unknown")
    if request.answer is Answer.TIMED_OUT:
        return SILENCE
    return _WORDS.get(request.answer, "fails")


def _sentence(given: CheckInput, seen: tuple[Outcomes, ...], wanted: tuple[Outcomes, ...]) -> str:
    told = []
    for half, got, want in zip(given.place.halves, seen, wanted, strict=True):
        text = f"from {half.name} {_words(given, got)}"
        told.append(text if got == want else f"{text}, where {_words(given, want)} is due")
    whole = "; ".join(told) + "."
    return whole[0].upper() + whole[1:]


def _words(given: CheckInput, outcomes: Outcomes) -> str:
    """`koornacht and tion answer`, `koornacht answers, the rest times out`, `everything times out`."""
    names = {FIRST: given.place.first.name, SECOND: given.place.second.name}
    who = [names.get(word, word) for word in _order(outcomes) if word not in _PLAIN]
    bad = [word for word in _order(outcomes) if word in _PLAIN]
    if not who:
        return f"everything {' or '.join(bad)}" if bad else "nothing comes back"
    told = f"{' and '.join(who)} {'answers' if len(who) == 1 else 'answer'}"
    return f"{told}, the rest {' or '.join(bad)}" if bad else told


_PLAIN = frozenset((SILENCE, "fails", *_WORDS.values()))


def _order(outcomes: Outcomes) -> list[str]:
    known = [word for word in (FIRST, SECOND) if word in outcomes]
    return known + sorted(outcomes - {FIRST, SECOND})


def _line(given: CheckInput, runs: list[Run]) -> str:
    """`koornacht/x-wing: 5 koornacht, 4 tion, 1 times out`."""
    counts: dict[str, int] = {}
    for run in runs:
        for request in run.requests:
            counts[_outcome(given, request)] = counts.get(_outcome(given, request), 0) + 1
    names = {FIRST: given.place.first.name, SECOND: given.place.second.name}
    told = ", ".join(f"{counts[word]} {names.get(word, word)}" for word in _order(frozenset(counts)))
    return f"{runs[0].origin}: {told or 'no requests'}"
