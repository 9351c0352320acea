"""What a simulated process reads from and writes to: pipes, the exec stream, null, and a few texts of /proc."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

PIPE_SIZE = 65536
Write = Callable[[bytes], Awaitable[None]]


class BrokenPipe(Exception):
    """Nobody reads what is written: the process ends as SIGPIPE ends it."""


class File:
    """Something open. `refs` counts the descriptors that point here."""

    def __init__(self) -> None:
        self.refs = 0

    async def read(self, limit: int) -> bytes:
        """Up to `limit` bytes, b"" at the end."""
        del limit
        return b""

    async def write(self, data: bytes) -> None:
        """Write all of `data`."""

    def closed(self) -> None:
        """The last descriptor went away."""


class Null(File):
    """/dev/null."""


class Text(File):
    """A file with a fixed text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._rest = text.encode()

    async def read(self, limit: int) -> bytes:
        """The next bytes of the text."""
        data, self._rest = self._rest[:limit], self._rest[limit:]
        return data


class Input(File):
    """The exec's standard input: chunks as the client sends them."""

    def __init__(self, chunks: AsyncIterator[bytes] | None) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = b""

    async def read(self, limit: int) -> bytes:
        """What the client sent; b"" when it closed its side, or has none."""
        while not self._rest and self._chunks is not None:
            try:
                self._rest = await anext(self._chunks)
            except StopAsyncIteration:
                self._chunks = None
        data, self._rest = self._rest[:limit], self._rest[limit:]
        return data


class Output(File):
    """The exec's standard output or error."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write

    async def write(self, data: bytes) -> None:
        """Send to the client."""
        try:
            await self._write(data)
        except ConnectionError as error:
            raise BrokenPipe from error


class Pipe:
    """A bounded pipe; `reader` and `writer` are its ends."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._signal = asyncio.Event()
        self._writing = True
        self._reading = True
        self.reader: File = _ReadEnd(self)
        self.writer: File = _WriteEnd(self)

    async def get(self, limit: int) -> bytes:
        """Bytes as soon as there are any; b"" when all writers are gone."""
        while not self._data and self._writing:
            await self._signal.wait()
        data = bytes(self._data[:limit])
        del self._data[:limit]
        self._wake()
        return data

    async def put(self, data: bytes) -> None:
        """Append, waiting while the pipe is full. BrokenPipe when no reader is left."""
        view = memoryview(data)
        while view:
            while len(self._data) >= PIPE_SIZE and self._reading:
                await self._signal.wait()
            if not self._reading:
                raise BrokenPipe
            room = PIPE_SIZE - len(self._data)
            self._data += view[:room]
            view = view[room:]
            self._wake()

    def end(self, *, writing: bool) -> None:
        """One side is gone; who waits learns of it."""
        if writing:
            self._writing = False
        else:
            self._reading = False
        self._wake()

    def _wake(self) -> None:
        self._signal.set()
        self._signal = asyncio.Event()


class _ReadEnd(File):
    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe

    async def read(self, limit: int) -> bytes:
        return await self._pipe.get(limit)

    def closed(self) -> None:
        self._pipe.end(writing=False)


class _WriteEnd(File):
    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe

    async def write(self, data: bytes) -> None:
        await self._pipe.put(data)

    def closed(self) -> None:
        self._pipe.end(writing=True)


class Descriptors:
    """A process's table of open files."""

    def __init__(self) -> None:
        self._files: dict[int, File] = {}

    def get(self, number: int) -> File | None:
        """The file at `number`, if open."""
        return self._files.get(number)

    def put(self, number: int, file: File | None) -> None:
        """Open `number` on `file`, or close it; what was there loses a reference."""
        if file is not None:
            file.refs += 1
        old = self._files.pop(number, None)
        if file is not None:
            self._files[number] = file
        if old is not None:
            _drop(old)

    def fork(self) -> Descriptors:
        """A copy for a child."""
        child = Descriptors()
        for number, file in self._files.items():
            child.put(number, file)
        return child

    def close(self) -> None:
        """Close everything."""
        while self._files:
            _drop(self._files.popitem()[1])


def _drop(file: File) -> None:
    file.refs -= 1
    if file.refs == 0:
        file.closed()
