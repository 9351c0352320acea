"""`meshtui lab status|step|check|deploy|remove|tour`: the walk without the dashboard."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from meshtui.cli import consent, headless, output, words
from meshtui.cli.lab.opened import opened
from meshtui.core.errors import CheckFailed, Exit, Refused
from meshtui.lab.checks.table import CHECKS
from meshtui.lab.kind.commands import up
from meshtui.lab.kind.record import Records, design_of
from meshtui.lab.observe import observe
from meshtui.lab.place import Place
from meshtui.lab.report import Result, walked
from meshtui.lab.script import first_line, script
from meshtui.lab.steps import STEPS, LabStep, step_named
from meshtui.lab.texts import told
from meshtui.lab.walk import ELSEWHERE, Walk, intruders, not_alone

COLUMNS = ("number", "step", "what", "state")


def status(arguments: Any) -> int:
    """Every step, and which the lab is at."""
    return headless.wait_for(_status(arguments))


def _built(arguments: Any) -> None:
    """Say what `lab up` has built on this machine, and how far it came."""
    settings = headless.settings_from(arguments)
    if settings.state_directory is None:
        return
    records = Records(settings.state_directory)
    for name in records.names():
        record = records.read(name)
        if record is None:
            continue
        total = len(up(design_of(record), records.directory(name), inherit=record.inherit))
        left = f"; interrupted at: {record.begun}" if record.begun else ""
        words.say(f"built here: {name}, {len(record.done)} of {total} commands done{left}")


async def _status(arguments: Any) -> int:
    _built(arguments)
    async with opened(arguments, "default") as walk:
        session = walk.session
        for question in ("config", "agents", "health"):  # what is not known yet would read as what is not so
            await session.until(
                functools.partial(headless.answered, session, question), session.settings.request_timeout
            )
        now = await observe(session, walk.place)
        rows = []
        for step in STEPS:
            if step.foundation:
                found = await CHECKS[step.name](walk.check_input)
                state, ok = found.sentence, found.ok
            else:
                ok = step.state == now
                state = "here" if ok else ""
            rows.append({"number": step.number, "step": step.name, "what": step.title, "ok": ok, "state": state})
        output.show(rows, COLUMNS, arguments.output)
    return Exit.OK


def step(arguments: Any) -> int:
    """List the steps, or bring one about and check it."""
    if not arguments.step:
        rows = [{"number": s.number, "step": s.name, "what": s.title} for s in STEPS]
        output.show(rows, COLUMNS[:3], arguments.output)
        return Exit.OK
    return headless.wait_for(_step(arguments, step_named(arguments.step)))


async def _step(arguments: Any, one: LabStep) -> int:
    async with opened(arguments, "default") as walk:
        if arguments.only_print:
            sys.stdout.write(script(walk.commands(one)))
            return Exit.OK
        walk.enter()
        changed = await walk.take(one)
        if arguments.dry_run:
            words.say(f"{one.name}: {'would be brought about' if changed else 'it is so already'}; nothing was changed")
            return Exit.OK
        words.say(f"{one.name}: {'brought about' if changed else 'it was so already'}")
        if arguments.no_check:
            return Exit.OK
        found = await walk.check(one)
        for line in found.seen if found.outcomes else ():
            words.say(f"  {output.plain(line)}")
        if not found.ok:
            raise CheckFailed(output.plain(found.sentence), hint=told(one.text.hint, walk.place))
        words.say(f"  ✔ {output.plain(found.sentence)}")
        return Exit.OK


def check(arguments: Any) -> int:
    """Walk every step in a namespace of its own, and leave nothing behind."""
    return headless.wait_for(_check(arguments))


async def _check(arguments: Any) -> int:
    if arguments.only_print:
        return await _print_all(arguments)
    async with opened(arguments, "meshtui-lab-check") as walk:
        _alone(walk)
        consent.demand_writing(arguments, "`lab check`")
        results: list[Result] = []
        try:
            async for result in walked(walk, arguments.start):
                results.append(result)
                words.say(f"{_mark(result)} {result.step.number:>2} {result.step.name}: {output.plain(result.said)}")
        finally:
            if not arguments.keep:
                gone = await walk.remove()
                words.say(f"cleaned up: {len(gone)} objects removed" if gone else "there was nothing to clean up")
        rows = [result.row() for result in results]
        output.show(rows, ("number", "step", "result", "seconds", "said"), arguments.output)
        failed = next((result for result in results if result.ok is False), None)
        if failed is not None:
            raise CheckFailed(
                f"step {failed.step.name}: {output.plain(failed.said)}", hint=told(failed.step.text.hint, walk.place)
            )
        return Exit.OK


def _mark(result: Result) -> str:
    return {True: "✔", False: "✗", None: "·"}[result.ok]


def _alone(walk: Walk) -> None:
    """Raise Refused where default-deny would cut off pods that are not the lab's."""
    if others := intruders(walk):
        raise Refused(not_alone(walk.namespace), cause=", ".join(others[:3]), hint=ELSEWHERE)


async def _print_all(arguments: Any) -> int:
    async with opened(arguments, "meshtui-lab-check") as walk:
        lines: list[str] = []
        for one in STEPS:
            lines += [f"# {one.number} {one.title}", *walk.commands(one)]
        sys.stdout.write(script(lines))
    return Exit.OK


def deploy(arguments: Any) -> int:
    """Put the application into clusters that are meshed."""
    return headless.wait_for(_deploy(arguments))


async def _deploy(arguments: Any) -> int:
    one = step_named("deployed")
    async with opened(arguments, "lab") as walk:
        if arguments.only_print:
            sys.stdout.write(script(_from_nothing(walk, one)))
            return Exit.OK
        _alone(walk)
        changed = await walk.take(one)
        if arguments.dry_run:
            return Exit.OK
        found = await walk.check(one)
        if not found.ok:
            raise CheckFailed(output.plain(found.sentence), hint=told(one.text.hint, walk.place))
        words.say(f"✔ {output.plain(found.sentence)}" if changed else f"it was so already. {found.sentence}")
        where = " ".join(f"--context {half.context}" for half in walk.place.halves)
        words.say(f"next: meshtui lab tour {where} -n {walk.namespace}; at the end: meshtui lab remove {where} "
                  f"-n {walk.namespace}")  # fmt: skip
        return Exit.OK


def _from_nothing(walk: Walk, one: LabStep) -> tuple[str, ...]:
    spaces = [f"kubectl --context {half.context} create namespace {walk.namespace}" for half in walk.place.halves]
    return (*(spaces if walk.namespace != "default" else ()), *walk.commands(one))


def remove(arguments: Any) -> int:
    """Take the application away again."""
    return headless.wait_for(_remove(arguments))


async def _remove(arguments: Any) -> int:
    async with opened(arguments, "lab") as walk:
        gone = await walk.remove()
        for line in gone:
            output.emit(output.plain(line))
        words.say(f"{'would be ' if arguments.dry_run else ''}removed: {len(gone)}")
    return Exit.OK


def tour(arguments: Any) -> int:
    """The tour: the dashboard with the tour open, or as text."""
    if not arguments.text and not arguments.only_print and sys.stdin.isatty() and sys.stdout.isatty():
        from meshtui.cli.lab.tour import in_dashboard

        return in_dashboard(arguments)
    return headless.wait_for(_print_all(arguments) if arguments.only_print else _tour(arguments))


async def _tour(arguments: Any) -> int:
    """Everything the tour says and does, one step after the other, to standard output."""
    async with opened(arguments, "default") as walk:
        consent.demand_writing(arguments, "`lab tour`")
        failed: Result | None = None
        async for result in walked(walk, arguments.start, before=lambda one: _introduce(walk, one)):
            output.emit(f"  {_mark(result)} {output.plain(result.said)}")
            for line in result.seen:
                output.emit(f"    {output.plain(line)}")
            _ask(result.step, walk.place)
            failed = failed or (result if result.ok is False else None)
        if failed is not None:
            raise CheckFailed(f"step {failed.step.name}: {output.plain(failed.said)}")
    return Exit.OK


def _introduce(walk: Walk, one: LabStep) -> None:
    place = walk.place
    output.emit(f"\n{one.number}. {one.title}")
    for sentence in one.text.why:
        output.emit(f"  {output.plain(told(sentence, place))}")
    for command in walk.commands(one):
        output.emit(f"  $ {output.plain(first_line(command))}")


def _ask(one: LabStep, place: Place) -> None:
    for question in one.text.ask:
        output.emit(f"  ? {output.plain(told(question.q, place))}")


VERBS: dict[str, Callable[[Any], int]] = {
    "status": status,
    "step": step,
    "check": check,
    "deploy": deploy,
    "remove": remove,
    "tour": tour,
}
