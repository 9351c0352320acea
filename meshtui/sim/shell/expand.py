"""Expands the words of a command: parameters, substitutions, arithmetic, field splitting, quote removal."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

from meshtui.sim.shell import arithmetic
from meshtui.sim.shell.files import Pipe
from meshtui.sim.shell.process import Exit, Shell
from meshtui.sim.shell.syntax import Arithmetic, Literal, Parameter, Script, Substitution, Word

Piece = tuple[str, bool]
"""Text and whether it is protected from splitting; ("", True) still makes a field."""
BREAK: Piece = ("\0break", False)
"""Between the fields of `"$@"`."""


async def fields(shell: Shell, words: tuple[Word, ...]) -> list[str]:
    """The words as a command's arguments. Raises SyntaxFault, Exit."""
    found: list[str] = []
    for word in words:
        found += _split(await _pieces(shell, word), shell.variables.get("IFS", " \t\n"))
    return found


async def text(shell: Shell, word: Word) -> str:
    """The word as one text, not split: for assignments, redirections, `case`."""
    return "".join(" " if piece is BREAK else piece[0] for piece in await _pieces(shell, word))


async def pattern(shell: Shell, word: Word) -> str:
    """The word as a regular expression: what is quoted stands for itself."""
    parts = []
    for part in word.parts:
        if isinstance(part, Literal) and not part.quoted:
            parts.append(_glob(part.text))
            continue
        for value, quoted in await _pieces(shell, Word((part,))):
            parts.append(re.escape(value) if quoted else _glob(value))
    return "".join(parts)


def _glob(value: str) -> str:
    translated = fnmatch.translate(value)
    return translated.removeprefix("(?s:").removesuffix(r")\Z")


def _split(pieces: list[Piece], separators: str) -> list[str]:
    done: list[str] = []
    current: str | None = None
    for piece in pieces:
        value, protected = piece
        if piece is BREAK:
            done.append(current or "")
            current = ""
        elif protected or not separators:
            current = (current or "") + value
        else:
            chunks = re.split(f"[{re.escape(separators)}]+", value)
            for index, chunk in enumerate(chunks):
                if index and current is not None:
                    done.append(current)
                    current = None
                if chunk:
                    current = (current or "") + chunk
    if current is not None:
        done.append(current)
    return done


async def _pieces(shell: Shell, word: Word) -> list[Piece]:
    pieces: list[Piece] = []
    for part in word.parts:
        if isinstance(part, Literal):
            pieces.append((part.text, True))
        elif isinstance(part, Parameter):
            pieces += await _parameter(shell, part)
        elif isinstance(part, Substitution):
            pieces.append((await substitute(shell, part.body), part.quoted))
        else:
            pieces.append((await _arithmetic(shell, part), part.quoted))
    return pieces


async def _arithmetic(shell: Shell, part: Arithmetic) -> str:
    expression = await text(shell, part.word)
    return str(arithmetic.evaluate(expression, shell.variables))


async def substitute(shell: Shell, body: Script) -> str:
    """Standard output of `body` run in a subshell, without the newlines at its end and without NULs."""
    pipe = Pipe()
    child = shell.fork()
    child.fds.put(1, pipe.writer)
    job = shell.box.spawn(child, lambda process: shell.commands.run_script(process, body))
    try:
        chunks = []
        while chunk := await pipe.reader.read(65536):
            chunks.append(chunk)
        shell.substituted = await job.wait()
    finally:
        if job.task is not None:
            job.task.cancel()
    output = b"".join(chunks).replace(b"\0", b"")
    return output.decode(errors="surrogateescape").rstrip("\n")


def value_of(shell: Shell, name: str) -> str | None:
    """A parameter's value, None when it is not set."""
    if name.isdecimal():
        number = int(name)
        if number == 0:
            return shell.name
        return shell.positional[number - 1] if number <= len(shell.positional) else None
    special: dict[str, Callable[[], str | None]] = {
        "?": lambda: str(shell.status),
        "$": lambda: str(shell.leader),
        "!": lambda: str(shell.last_job) if shell.last_job else None,
        "#": lambda: str(len(shell.positional)),
        "-": lambda: "e" if shell.errexit else "",
        "@": lambda: " ".join(shell.positional) if shell.positional else None,
        "*": lambda: " ".join(shell.positional) if shell.positional else None,
    }
    return special[name]() if name in special else shell.variables.get(name)


async def _parameter(shell: Shell, part: Parameter) -> list[Piece]:
    if part.name == "@" and part.quoted and not part.op:
        pieces: list[Piece] = []
        for index, argument in enumerate(shell.positional):
            pieces += [BREAK] if index else []
            pieces.append((argument, True))
        return pieces
    value = value_of(shell, part.name)
    if not part.op:
        return [(value or "", True)] if part.quoted else ([(value, False)] if value else [])
    if part.op == "#len":
        return [(str(len(value or "")), part.quoted)]
    assert part.word is not None
    if part.op[0] in "%#":
        return [(_trim(value or "", part.op, await pattern(shell, part.word)), part.quoted)]
    return await _conditional(shell, part, value)


async def _conditional(shell: Shell, part: Parameter, value: str | None) -> list[Piece]:
    assert part.word is not None
    missing = value is None or (part.op.startswith(":") and value == "")
    kind = part.op[-1]
    if kind == "+":
        return [] if missing else await _default(shell, part)
    if not missing:
        return [(value or "", part.quoted)]
    if kind == "-":
        return await _default(shell, part)
    word = await text(shell, part.word)
    if kind == "=":
        shell.variables[part.name] = word
        return [(word, part.quoted)]
    await shell.err(f"{shell.name}: 1: {part.name}: {word or 'parameter not set'}\n")
    raise Exit(2)


async def _default(shell: Shell, part: Parameter) -> list[Piece]:
    assert part.word is not None
    if part.quoted:
        return [(await text(shell, part.word), True)]
    return await _pieces(shell, part.word)


def _trim(value: str, op: str, regex: str) -> str:
    """`value` without the shortest (`%`, `#`) or longest (`%%`, `##`) match at its end or start."""
    lengths = range(len(value) + 1) if len(op) == 1 else range(len(value), -1, -1)
    for length in lengths:
        tail = op[0] == "%"
        chunk = value[len(value) - length :] if tail else value[:length]
        if re.fullmatch(regex, chunk, re.DOTALL):
            return value[: len(value) - length] if tail else value[length:]
    return value
