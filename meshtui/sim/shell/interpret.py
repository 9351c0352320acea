"""Runs the syntax tree of a shell script as processes of a simulated container."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from meshtui.sim.shell import expand
from meshtui.sim.shell.builtins import BUILTINS, SPECIAL
from meshtui.sim.shell.files import BrokenPipe, Descriptors, Pipe
from meshtui.sim.shell.parser import parse
from meshtui.sim.shell.process import Exit, Job, Jump, NoSuchFile, Shell
from meshtui.sim.shell.syntax import (
    AndOr,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Pipeline,
    Redirect,
    Script,
    Simple,
    SyntaxFault,
    While,
    Word,
)
from meshtui.sim.shell.tools import TOOLS as PROGRAMS

NOT_FOUND = 127
MISUSE = 2


async def run_text(shell: Shell, text: str) -> int:
    """Parse and run `text`; a syntax error is told on stderr and is exit code 2."""
    try:
        script = parse(text)
    except SyntaxFault as fault:
        await shell.err(f"{shell.name}: 1: Syntax error: {fault}\n")
        return MISUSE
    return await run_script(shell, script)


async def run_shell(shell: Shell, argv: list[str]) -> int:
    """The program `sh`: a process of its own that reads commands from -c or standard input."""
    child = shell.fork()
    child.functions, child.positional, child.children = {}, [], []
    child.variables = shell.environment()
    job = shell.box.spawn(child, lambda process: _shell_main(process, argv))
    child.leader = child.pid
    return await _foreground(job)


async def _shell_main(shell: Shell, argv: list[str]) -> int:
    arguments = argv[1:]
    while arguments and arguments[0].startswith("-") and arguments[0] != "-c":
        shell.errexit = shell.errexit or "e" in arguments[0]
        arguments = arguments[1:]
    if not arguments:
        return await run_text(shell, (await shell.read_all()).decode(errors="surrogateescape"))
    if arguments[0] != "-c" or len(arguments) < 2:
        await shell.err(f"{argv[0]}: 0: cannot open {arguments[0]}: No such file\n")
        return NOT_FOUND if arguments[0] != "-c" else MISUSE
    shell.name = arguments[2] if len(arguments) > 2 else argv[0]
    shell.positional = arguments[3:]
    return await run_text(shell, arguments[1])


async def run_script(shell: Shell, script: Script) -> int:
    """Run every command of `script`; the last one's exit code."""
    for item in script.items:
        if item.background:
            await _start(shell, item)
        else:
            await _and_or(shell, item)
    return shell.status


async def _start(shell: Shell, item: AndOr) -> None:
    child = shell.fork()
    child.fds.put(0, child.open("/dev/null", write=False))
    alone = not item.rest and len(item.first.commands) == 1 and not item.first.negate
    body = _body(item.first.commands[0]) if alone else lambda process: _and_or(process, item)
    job = shell.box.spawn(child, body)
    shell.children.append(job)
    shell.last_job = job.shell.pid
    shell.status = 0


async def _and_or(shell: Shell, item: AndOr) -> int:
    last = len(item.rest)
    status = await _tested(shell, item.first, tested=last > 0)
    for index, (operator, pipeline) in enumerate(item.rest, 1):
        if (operator == "&&") == (status == 0):
            status = await _tested(shell, pipeline, tested=index < last)
    return status


async def _tested(shell: Shell, pipeline: Pipeline, *, tested: bool) -> int:
    """Run `pipeline`; under `set -e` its failure ends the shell unless something tests it."""
    shell.tested += tested or pipeline.negate
    try:
        status = await _pipeline(shell, pipeline)
    finally:
        shell.tested -= tested or pipeline.negate
    if pipeline.negate:
        status = int(status == 0)
    shell.status = status
    if status and shell.errexit and not shell.tested and not tested and not pipeline.negate:
        raise Exit(status)
    return status


async def _pipeline(shell: Shell, pipeline: Pipeline) -> int:
    if len(pipeline.commands) == 1:
        return await run_command(shell, pipeline.commands[0])
    jobs: list[Job] = []
    source: Pipe | None = None
    for index, command in enumerate(pipeline.commands):
        child = shell.fork()
        if source is not None:
            child.fds.put(0, source.reader)
        if index < len(pipeline.commands) - 1:
            source = Pipe()
            child.fds.put(1, source.writer)
        jobs.append(shell.box.spawn(child, _body(command)))
    try:
        return [await job.wait() for job in jobs][-1]
    finally:
        for job in jobs:
            if job.task is not None:
                job.task.cancel()


def _body(command: Command) -> Callable[[Shell], Coroutine[Any, Any, int]]:
    """How a process of its own runs `command`: brackets need no second one."""
    if isinstance(command, Group) and command.subshell:
        command = replace(command, subshell=False)
    return lambda process: run_command(process, command)


async def run_command(shell: Shell, command: Command) -> int:
    """Run one command in `shell`; its exit code, which `$?` then says."""
    if isinstance(command, Function):
        shell.functions[command.name] = command.body
        return 0
    if isinstance(command, Simple):
        return await _simple(shell, command)
    outer = shell.fds
    shell.fds = outer.fork()
    try:
        if not await _redirect(shell, shell.fds, command.redirects):
            return MISUSE
        return await _compound(shell, command)
    finally:
        shell.fds.close()
        shell.fds = outer


async def _compound(shell: Shell, command: Command) -> int:
    if isinstance(command, Group):
        if not command.subshell:
            return await run_script(shell, command.body)
        job = shell.box.spawn(shell.fork(), lambda process: run_script(process, command.body))
        return await _foreground(job)
    if isinstance(command, If):
        return await _if(shell, command)
    if isinstance(command, While):
        return await _while(shell, command)
    if isinstance(command, For):
        return await _for(shell, command)
    assert isinstance(command, Case)
    return await _case(shell, command)


async def _foreground(job: Job) -> int:
    try:
        return await job.wait()
    finally:
        if job.task is not None:
            job.task.cancel()


async def _condition(shell: Shell, script: Script) -> int:
    shell.tested += 1
    try:
        return await run_script(shell, script)
    finally:
        shell.tested -= 1


async def _if(shell: Shell, command: If) -> int:
    for condition, body in command.branches:
        if await _condition(shell, condition) == 0:
            return await run_script(shell, body)
    shell.status = 0
    return await run_script(shell, command.otherwise) if command.otherwise else 0


async def _while(shell: Shell, command: While) -> int:
    status = 0
    while (await _condition(shell, command.condition) == 0) != command.negate:
        shell.status = 0
        again, status = await _turn(shell, command.body)
        if not again:
            break
        await asyncio.sleep(0)
    shell.status = status
    return status


async def _for(shell: Shell, command: For) -> int:
    values = list(shell.positional) if command.words is None else await _fields(shell, command.words)
    if values is None:
        return MISUSE
    status = 0
    for value in values:
        shell.variables[command.name] = value
        again, status = await _turn(shell, command.body)
        if not again:
            break
    shell.status = status
    return status


async def _turn(shell: Shell, body: Script) -> tuple[bool, int]:
    """One turn of a loop: whether to go on, and the exit code."""
    try:
        return True, await run_script(shell, body)
    except Jump as jump:
        if jump.kind == "return":
            raise
        if jump.levels > 1:
            raise Jump(jump.kind, jump.levels - 1) from None
        return jump.kind == "continue", 0


async def _case(shell: Shell, command: Case) -> int:
    value = await expand.text(shell, command.word)
    for patterns, body in command.arms:
        for pattern in patterns:
            if re.fullmatch(await expand.pattern(shell, pattern), value, re.DOTALL):
                shell.status = 0
                return await run_script(shell, body)
    return 0


async def _fields(shell: Shell, words: tuple[Word, ...]) -> list[str] | None:
    try:
        return await expand.fields(shell, words)
    except SyntaxFault as fault:
        await shell.err(f"{shell.name}: 1: {fault}\n")
        return None


async def _simple(shell: Shell, command: Simple) -> int:
    shell.substituted = 0
    arguments = await _fields(shell, command.words)
    if arguments is None:
        raise Exit(MISUSE)
    values = {}
    try:
        for name, word in command.assignments:
            values[name] = await expand.text(shell, word)
            if not arguments:
                shell.variables[name] = values[name]
    except SyntaxFault as fault:
        await shell.err(f"{shell.name}: 1: {fault}\n")
        raise Exit(MISUSE) from None
    if arguments == ["exec"]:
        return 0 if await _redirect(shell, shell.fds, command.redirects) else MISUSE
    outer = shell.fds
    shell.fds = outer.fork()
    try:
        if not await _redirect(shell, shell.fds, command.redirects):
            return MISUSE
        if not arguments:
            return shell.substituted
        return await _with_variables(shell, values, arguments)
    finally:
        shell.fds.close()
        shell.fds = outer


async def _with_variables(shell: Shell, values: dict[str, str], arguments: list[str]) -> int:
    """Run a command with assignments that hold for it alone."""
    before = {name: shell.variables.get(name) for name in values}
    exported = set(shell.exported)
    shell.variables.update(values)
    shell.exported |= set(values)
    try:
        return await invoke(shell, arguments)
    finally:
        if arguments[0] not in SPECIAL:
            shell.exported = exported if arguments[0] != "export" else shell.exported
            for name, value in before.items():
                if value is None:
                    shell.variables.pop(name, None)
                else:
                    shell.variables[name] = value


async def invoke(shell: Shell, arguments: list[str]) -> int:
    """Run a function, a builtin or a program by name."""
    name = arguments[0]
    if name in shell.functions and name not in SPECIAL:
        return await _call(shell, shell.functions[name], arguments[1:])
    if name in BUILTINS:
        return await BUILTINS[name](shell, arguments)
    program = program_named(shell, name)
    if program is None:
        await shell.err(f"{shell.name}: 1: {name}: not found\n")
        return NOT_FOUND
    try:
        return await TOOLS[program](shell, arguments)
    except BrokenPipe:
        return 128 + 13


def program_named(shell: Shell, name: str) -> str | None:
    """The program `name` (or a path to it) means in this container, None if it has none."""
    base = name.rsplit("/", 1)[-1]
    if "/" in name and name.rsplit("/", 1)[0] not in ("/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin"):
        return None
    return base if base in shell.box.binaries and base in TOOLS else None


async def _call(shell: Shell, body: Command, arguments: list[str]) -> int:
    outer = shell.positional
    shell.positional = arguments
    try:
        return await run_command(shell, body)
    except Jump as jump:
        if jump.kind != "return":
            raise
        return jump.levels
    finally:
        shell.positional = outer


async def _redirect(shell: Shell, fds: Descriptors, redirects: tuple[Redirect, ...]) -> bool:
    for redirect in redirects:
        target = await expand.text(shell, redirect.target)
        if redirect.op in ("<&", ">&"):
            file = fds.get(int(target)) if target.isdecimal() else None
            if file is None and target != "-":
                await shell.err(f"{shell.name}: 1: {target}: Bad file descriptor\n")
                return False
        else:
            try:
                file = shell.open(target, write=redirect.op != "<", append=redirect.op == ">>")
            except NoSuchFile:
                verb = "open" if redirect.op == "<" else "create"
                await shell.err(f"{shell.name}: 1: cannot {verb} {target}: No such file\n")
                return False
        fds.put(redirect.fd, file)
    return True


_ALSO_PROGRAMS = ("echo", "printf", "test", "true", "false", "kill", "pwd")
TOOLS = {**PROGRAMS, **{name: BUILTINS[name] for name in _ALSO_PROGRAMS}, **dict.fromkeys(("sh", "bash"), run_shell)}
"""Every program a container may have, by name."""
