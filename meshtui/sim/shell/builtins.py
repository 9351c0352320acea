"""Commands the simulated shell has built in because they change the shell itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from meshtui.sim.shell.printf import format_text
from meshtui.sim.shell.process import SIGNALS, Exit, Jump, Shell
from meshtui.sim.shell.test import evaluate

Builtin = Callable[[Shell, list[str]], Awaitable[int]]
MISUSE = 2
_BY_NUMBER = {str(number): name for name, number in SIGNALS.items()} | {"0": "0"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _number(arguments: list[str], default: int) -> int:
    return int(arguments[1]) if len(arguments) > 1 and arguments[1].isdecimal() else default


async def _exit(shell: Shell, arguments: list[str]) -> int:
    raise Exit(_number(arguments, shell.status) % 256)


async def _return(shell: Shell, arguments: list[str]) -> int:
    raise Jump("return", _number(arguments, shell.status) % 256)


async def _loop_jump(_: Shell, arguments: list[str]) -> int:
    raise Jump(arguments[0], max(1, _number(arguments, 1)))


async def _true(_: Shell, __: list[str]) -> int:
    return 0


async def _false(_: Shell, __: list[str]) -> int:
    return 1


async def _echo(shell: Shell, arguments: list[str]) -> int:
    words = arguments[1:]
    newline = True
    while words and re.fullmatch(r"-[neE]+", words[0]):
        newline = newline and "n" not in words[0]
        words = words[1:]
    await shell.out(format_text("%b" + ("\n" if newline else ""), [" ".join(words)]))
    return 0


async def _printf(shell: Shell, arguments: list[str]) -> int:
    if len(arguments) < 2:
        await shell.err("printf: usage: printf format [arg ...]\n")
        return MISUSE
    words = arguments[2:] if arguments[1] == "--" and len(arguments) > 2 else arguments[1:]
    await shell.out(format_text(words[0], words[1:]))
    return 0


async def _test(shell: Shell, arguments: list[str]) -> int:
    words = arguments[1:]
    if arguments[0] == "[":
        if not words or words[-1] != "]":
            await shell.err("[: missing ]\n")
            return MISUSE
        words = words[:-1]
    try:
        return int(not evaluate(words))
    except ValueError as error:
        await shell.err(f"{arguments[0]}: {error}\n")
        return MISUSE


async def _read(shell: Shell, arguments: list[str]) -> int:
    raw = "-r" in arguments[1:]
    names = [word for word in arguments[1:] if not word.startswith("-")] or ["REPLY"]
    data = bytearray()
    status = 1
    while byte := await shell.read(1):
        if byte == b"\n":
            if not raw and data.endswith(b"\\"):
                del data[-1:]
                continue
            status = 0
            break
        data += byte
    line = data.decode(errors="surrogateescape")
    _assign_fields(shell, names, line if raw else _ESCAPED.sub(r"\1", line))
    return status


def _assign_fields(shell: Shell, names: list[str], line: str) -> None:
    separators = shell.variables.get("IFS", " \t\n")
    rest = line.strip("".join(c for c in separators if c.isspace())) if separators else line
    for name in names[:-1]:
        first, *more = re.split(f"[{re.escape(separators)}]+", rest, maxsplit=1) if separators else [rest]
        shell.variables[name] = first
        rest = more[0] if more else ""
    shell.variables[names[-1]] = rest


async def _set(shell: Shell, arguments: list[str]) -> int:
    words = arguments[1:]
    while words and re.fullmatch(r"[-+][a-z]+", words[0]):
        if "e" in words[0]:
            shell.errexit = words[0][0] == "-"
        words = words[2:] if words[0][1:] == "o" else words[1:]
        if not words:
            return 0
    if words:
        shell.positional = words[1:] if words[0] == "--" else words
    return 0


async def _shift(shell: Shell, arguments: list[str]) -> int:
    count = _number(arguments, 1)
    if count > len(shell.positional):
        await shell.err(f"{shell.name}: 1: shift: can't shift that many\n")
        raise Exit(MISUSE)
    del shell.positional[:count]
    return 0


async def _export(shell: Shell, arguments: list[str]) -> int:
    for word in arguments[1:]:
        name, equals, value = word.partition("=")
        if equals:
            shell.variables[name] = value
        shell.exported.add(name)
    return 0


async def _unset(shell: Shell, arguments: list[str]) -> int:
    for name in arguments[1:]:
        shell.variables.pop(name, None)
        shell.exported.discard(name)
        shell.functions.pop(name, None)
    return 0


async def _trap(shell: Shell, arguments: list[str]) -> int:
    if len(arguments) < 3:
        return 0
    for word in arguments[2:]:
        name = "EXIT" if word in ("0", "EXIT") else _signal(word)
        if arguments[1] == "-":
            shell.traps.pop(name, None)
        else:
            shell.traps[name] = arguments[1]
    return 0


def _signal(word: str) -> str:
    return _BY_NUMBER.get(word, word.upper().removeprefix("SIG"))


async def _wait(shell: Shell, arguments: list[str]) -> int:
    wanted = set(arguments[1:])
    status = 0
    for job in list(shell.children):
        if not wanted or str(job.shell.pid) in wanted:
            status = await job.wait()
            shell.children.remove(job)
    return status if wanted else 0


async def _kill(shell: Shell, arguments: list[str]) -> int:
    words = arguments[1:]
    signal = "TERM"
    if words and words[0] == "-s" and len(words) > 1:
        signal, words = _signal(words[1]), words[2:]
    elif words and words[0].startswith("-") and words[0] != "--":
        signal, words = _signal(words[0][1:]), words[1:]
    status = 0
    for word in words:
        if not (word.isdecimal() and shell.box.kill(int(word), signal)):
            await shell.err(f"{shell.name}: 1: kill: No such process\n")
            status = 1
    await asyncio.sleep(0)
    return status


async def _command(shell: Shell, arguments: list[str]) -> int:
    words = arguments[1:]
    if not words:
        return 0
    if words[0] not in ("-v", "-V"):
        return await shell.commands.invoke(shell, words)
    status = 0
    for name in words[1:]:
        program = shell.commands.program_named(shell, name)
        if name in BUILTINS or name in shell.functions:
            await shell.out(f"{name}\n")
        elif program:
            await shell.out(f"/usr/bin/{program}\n")
        else:
            status = 127
    return status


async def _type(shell: Shell, arguments: list[str]) -> int:
    return await _command(shell, ["command", "-v", *arguments[1:]])


async def _eval(shell: Shell, arguments: list[str]) -> int:
    return await shell.commands.run_text(shell, " ".join(arguments[1:]))


async def _exec(shell: Shell, arguments: list[str]) -> int:
    raise Exit(await shell.commands.invoke(shell, arguments[1:]))


async def _local(shell: Shell, arguments: list[str]) -> int:
    for word in arguments[1:]:
        name, _, value = word.partition("=")
        shell.variables[name] = value
    return 0


async def _pwd(shell: Shell, _: list[str]) -> int:
    await shell.out("/\n")
    return 0


SPECIAL = frozenset(
    {"exit", "return", "break", "continue", ":", "eval", "exec", "export", "set", "shift", "trap", "unset"}
)
"""Builtins that a function cannot replace and before which assignments stay."""
BUILTINS: dict[str, Builtin] = {
    "exit": _exit, "return": _return, "break": _loop_jump, "continue": _loop_jump, ":": _true, "true": _true,
    "false": _false, "echo": _echo, "printf": _printf, "test": _test, "[": _test, "read": _read, "set": _set,
    "shift": _shift, "export": _export, "readonly": _export, "unset": _unset, "trap": _trap, "wait": _wait,
    "kill": _kill, "command": _command, "type": _type, "eval": _eval, "exec": _exec, "local": _local,
    "cd": _true, "umask": _true, "pwd": _pwd,
}  # fmt: skip
