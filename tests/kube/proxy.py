"""A proxy on loopback: HTTP CONNECT or SOCKS5, with or without a login; names under `.internal` are this machine."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.gate import listening, pipe


@dataclass
class Proxy:
    kind: str
    login: str = ""
    """`user:password`, empty for none."""
    refuses: bool = False
    """It does not get through to anybody."""
    port: int = 0
    met: list[tuple[str, int]] = field(default_factory=list)
    """Hosts and ports that were asked for."""

    @property
    def url(self) -> str:
        return f"{self.kind}://{self.login}{'@' if self.login else ''}127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await (self._socks if self.kind == "socks5" else self._http)(reader, writer)
        writer.close()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        wanted = base64.b64encode(self.login.encode()).decode()
        if self.login and f"basic {wanted}".lower() not in head.lower():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return await writer.drain()
        host, _, port = head.split()[1].rpartition(":")
        if self.refuses:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return await writer.drain()
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return await self._through(reader, writer, host.strip("[]"), int(port))

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if self.login:
            if 2 not in methods:
                writer.write(b"\x05\xff")
                return await writer.drain()
            writer.write(b"\x05\x02")
            user = (await reader.readexactly((await reader.readexactly(2))[1])).decode()
            password = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
            good = f"{user}:{password}" == self.login
            writer.write(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return await writer.drain()
        else:
            writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(b"\x05" + (b"\x04" if self.refuses else b"\x00") + b"\x00\x01\x7f\x00\x00\x01\x00\x00")
        if self.refuses:
            return await writer.drain()
        return await self._through(reader, writer, host, port)

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
        self.met.append((host, port))
        there = await asyncio.open_connection("127.0.0.1" if host.endswith(".internal") else host, port)
        try:
            await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))
        finally:
            there[1].close()


@asynccontextmanager
async def proxying(kind: str, login: str = "", *, refuses: bool = False) -> AsyncIterator[Proxy]:
    proxy = Proxy(kind, login, refuses)
    async with listening(proxy.serve) as proxy.port:
        yield proxy
