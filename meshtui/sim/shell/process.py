"""The processes of one exec in a simulated container: their state, their files, their ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from meshtui.sim.shell.files import BrokenPipe, Descriptors, File, Null, Text
from meshtui.sim.shell.syntax import Command, Script

Request = Callable[..., Awaitable[Any]]
SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "PIPE": 13, "TERM": 15}
FIRST_PID = 20


class Exit(Exception):
    """The process ends with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Jump(Exception):
    """`break`, `continue` or `return`; `levels` is the loop count, or the exit code of `return`."""

    def __init__(self, kind: str, levels: int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.levels = levels


class NoSuchFile(Exception):
    """A path that cannot be opened."""


@dataclass(eq=False)
class Box:
    """What the processes of one exec share: where they run, and each other."""

    world: Any
    cluster: Any
    pod: Mapping[str, Any]
    container: str
    binaries: frozenset[str]
    request: Request
    jobs: dict[int, Job] = field(default_factory=dict)
    files: dict[str, bytearray] = field(default_factory=dict)
    next_pid: int = FIRST_PID

    def spawn(self, shell: Shell, body: Callable[[Shell], Coroutine[Any, Any, int]]) -> Job:
        """Run `body` as a process of its own; `shell` is its (forked) state."""
        shell.pid = self.next_pid
        self.next_pid += 1
        job = Job(shell)
        self.jobs[shell.pid] = job
        job.task = asyncio.create_task(self._live(job, body))
        job.task.add_done_callback(lambda _: self._gone(job))
        return job

    def _gone(self, job: Job) -> None:
        """Also for a process that was killed before its first step."""
        job.shell.fds.close()
        self.jobs.pop(job.shell.pid, None)

    async def _live(self, job: Job, body: Callable[[Shell], Coroutine[Any, Any, int]]) -> None:
        shell = job.shell
        try:
            job.status = await _until_end(shell, body)
        except asyncio.CancelledError:
            if shell.signal is None:
                raise
            with contextlib.suppress(AttributeError):
                asyncio.current_task().uncancel()  # type: ignore[union-attr]
            job.status = await _trapped(shell)

    def kill(self, pid: int, signal: str) -> bool:
        """Send `signal` to `pid`, or to all processes when 0; False when there is none."""
        targets = list(self.jobs.values()) if pid == 0 else [j for p, j in self.jobs.items() if p == pid]
        if signal == "0":
            return bool(targets)
        for job in targets:
            if job.shell.traps.get(signal) != "" and job.task is not None:
                job.shell.signal = signal
                job.task.cancel()
        return bool(targets)

    async def end(self) -> None:
        """Nothing of this exec stays: cancel every process and wait for it."""
        tasks = [job.task for job in self.jobs.values() if job.task is not None]
        for job in self.jobs.values():
            job.shell.signal = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(eq=False)
class Job:
    """One process, while it lives and for whoever waits for it."""

    shell: Shell
    task: asyncio.Task[None] | None = None
    status: int = 0

    async def wait(self) -> int:
        """The exit code, once it has ended; who is cancelled while waiting leaves it running."""
        assert self.task is not None
        await asyncio.wait([self.task])
        if self.task.cancelled():
            return 128 + SIGNALS.get(self.shell.signal or "KILL", SIGNALS["KILL"])
        error = self.task.exception()
        if error is not None:
            raise error
        return self.status


class Interpreter(Protocol):
    """Runs what a script says: builtins, expansions and programs reach it through their shell."""

    async def run_text(self, shell: Shell, text: str) -> int:
        """Parse and run a text; a syntax error is told on stderr and is exit code 2."""

    async def run_script(self, shell: Shell, script: Script) -> int:
        """Run every command of a script; the last one's exit code."""

    async def invoke(self, shell: Shell, arguments: list[str]) -> int:
        """Run a function, a builtin or a program by name."""

    def program_named(self, shell: Shell, name: str) -> str | None:
        """The program a name (or a path to it) means in this container, None if it has none."""


@dataclass(eq=False)
class Shell:
    """One process's state: variables, functions, arguments, open files, traps."""

    box: Box
    fds: Descriptors
    variables: dict[str, str]
    exported: set[str]
    name: str = "sh"
    positional: list[str] = field(default_factory=list)
    functions: dict[str, Command] = field(default_factory=dict)
    traps: dict[str, str] = field(default_factory=dict)
    children: list[Job] = field(default_factory=list)
    status: int = 0
    substituted: int = 0
    """Exit code of the last command substitution."""
    pid: int = 0
    leader: int = 0
    """What `$$` says: the shell's own pid, also in its subshells."""
    last_job: int = 0
    signal: str | None = None
    errexit: bool = False
    tested: int = 0
    """Depth of conditions, in which a failure does not end the shell."""
    interpreter: Interpreter | None = None
    """Who runs commands in this process."""

    @property
    def commands(self) -> Interpreter:
        """The interpreter of this shell, which has one wherever a script runs."""
        assert self.interpreter is not None
        return self.interpreter

    def fork(self) -> Shell:
        """A subshell: its changes stay its own, traps are reset except ignored ones."""
        return Shell(
            self.box,
            self.fds.fork(),
            dict(self.variables),
            set(self.exported),
            self.name,
            list(self.positional),
            dict(self.functions),
            {name: action for name, action in self.traps.items() if action == ""},
            leader=self.leader,
            last_job=self.last_job,
            status=self.status,
            errexit=self.errexit,
            tested=self.tested,
            interpreter=self.interpreter,
        )

    def environment(self) -> dict[str, str]:
        """The exported variables."""
        return {name: self.variables[name] for name in sorted(self.exported) if name in self.variables}

    async def read(self, limit: int = 65536) -> bytes:
        """From standard input."""
        file = self.fds.get(0)
        return await file.read(limit) if file else b""

    async def read_all(self) -> bytes:
        """Standard input to its end."""
        chunks = []
        while chunk := await self.read():
            chunks.append(chunk)
        return b"".join(chunks)

    async def out(self, data: str | bytes) -> None:
        """To standard output."""
        await self._write(1, data)

    async def err(self, data: str | bytes) -> None:
        """To standard error."""
        await self._write(2, data)

    async def _write(self, number: int, data: str | bytes) -> None:
        file = self.fds.get(number)
        if file is not None and data:
            await file.write(data.encode(errors="surrogateescape") if isinstance(data, str) else data)

    def open(self, path: str, *, write: bool, append: bool = False) -> File:
        """The file at `path`. Raises NoSuchFile."""
        number = _descriptor(path)
        if number is not None:
            file = self.fds.get(number)
            if file is None:
                raise NoSuchFile(path)
            return file
        if path == "/dev/null":
            return Null()
        if write:
            if not path.startswith("/tmp/") and "/" in path.lstrip("/"):  # noqa: S108 - a simulated path
                raise NoSuchFile(path)
            data = self.box.files.setdefault(path, bytearray())
            if not append:
                data.clear()
            return _Memory(data)
        return Text(self._text(path))

    def _text(self, path: str) -> str:
        """The text of a readable file."""
        if path in self.box.files:
            return bytes(self.box.files[path]).decode(errors="surrogateescape")
        if path == "/proc/uptime":
            up = self.box.world.clock.monotonic() + 1000
            return f"{up:.2f} {up:.2f}\n"
        if path in (f"/proc/{self.leader}/stat", "/proc/self/stat"):
            return f"{self.leader} (sh) S 0 {self.leader} {self.leader} 0 -1\n"
        if path == "/etc/hostname":
            return f"{self.pod_name}\n"
        if path == "/etc/resolv.conf":
            return f"search {self.namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
        raise NoSuchFile(path)

    @property
    def pod_name(self) -> str:
        """metadata.name of the pod."""
        return str(self.box.pod.get("metadata", {}).get("name", ""))

    @property
    def namespace(self) -> str:
        """metadata.namespace of the pod."""
        return str(self.box.pod.get("metadata", {}).get("namespace", ""))


class _Memory(File):
    def __init__(self, data: bytearray) -> None:
        super().__init__()
        self._data = data

    async def write(self, data: bytes) -> None:
        self._data += data


def _descriptor(path: str) -> int | None:
    named = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
    if path in named:
        return named[path]
    for folder in ("/dev/fd/", "/proc/self/fd/"):
        if path.startswith(folder) and path.removeprefix(folder).isdecimal():
            return int(path.removeprefix(folder))
    return None


async def _until_end(shell: Shell, body: Callable[[Shell], Coroutine[Any, Any, int]]) -> int:
    try:
        status = await body(shell)
    except Exit as end:
        status = end.code
    except Jump as jump:
        status = jump.levels if jump.kind == "return" else 0
    except BrokenPipe:
        return 128 + SIGNALS["PIPE"]
    return await _at_exit(shell, status)


async def _at_exit(shell: Shell, status: int) -> int:
    action = shell.traps.pop("EXIT", "")
    if action and shell.interpreter is not None:
        shell.status = status
        try:
            await shell.interpreter.run_text(shell, action)
        except Exit as end:
            return end.code
        except BrokenPipe:
            return 128 + SIGNALS["PIPE"]
    return status


async def _trapped(shell: Shell) -> int:
    """What a process does that was sent a signal: its trap, if it has one, then its end."""
    assert shell.signal is not None
    status = 128 + SIGNALS.get(shell.signal, SIGNALS["TERM"])
    action = shell.traps.pop(shell.signal, "") if shell.signal != "KILL" else ""
    if not action or shell.interpreter is None:
        return status
    try:
        await shell.interpreter.run_text(shell, action)
    except Exit as end:
        status = end.code
    except BrokenPipe:
        return 128 + SIGNALS["PIPE"]
    return await _at_exit(shell, status)
