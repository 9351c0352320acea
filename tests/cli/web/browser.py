"""A real Chromium by its DevTools protocol: pages, keys, sizes, and what their sockets brought, as a screen."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pyte

from tests.waiting import GUARD, told, until

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.screen = pyte.Screen(400, 120)
        self._stream = pyte.ByteStream(self.screen)
        self.requests: list[str] = []
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Network.webSocketFrameReceived":
                frame = said["params"]["response"]
                if frame["opcode"] == 2:
                    self._stream.feed(base64.b64decode(frame["payloadData"]))
            elif said["method"] == "Network.requestWillBeSent":
                self.requests.append(said["params"]["request"]["url"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said: dict[str, Any] = await asyncio.wait_for(answer, GUARD)
        assert "error" not in said, said
        return dict(said["result"])

    async def open(self, url: str) -> None:
        await self.call("Network.enable")
        await self.call("Page.enable")
        await self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await self.size(1200, 800)
        await self.call("Page.navigate", url=url)

    async def size(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def press(self, *keys: str) -> None:
        await self.value("document.querySelector('.xterm-helper-textarea').focus()")
        for key in keys:
            await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def value(self, expression: str) -> Any:
        return (await self.call("Runtime.evaluate", expression=expression, returnByValue=True))["result"].get("value")

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    async def until(self, holds: Callable[[str], object]) -> None:
        """Wait until what the terminal in the page was sent shows it."""
        await until(lambda: holds(self.text), what=lambda: f"{told(holds)}\n{self.text}", every=0.05)

    async def close(self) -> None:
        await self._socket.close()
        await self._task


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Callable[[], Any]]:
    """A browser with a profile of its own; the function opens pages, each with cookies of its own."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    pages: list[Page] = []
    try:
        address = ""
        while not address:
            line = (await asyncio.wait_for(process.stderr.readline(), GUARD)).decode()
            assert line, "chromium ended"
            address = line.removeprefix("DevTools listening on ").strip() if line.startswith("DevTools") else ""
        async with aiohttp.ClientSession() as session:
            root = Page(await session.ws_connect(address, max_msg_size=0))
            host = address.split("/devtools")[0].replace("ws:", "http:")

            async def page() -> Page:
                context = await root.call("Target.createBrowserContext")
                made = await root.call(
                    "Target.createTarget", url="about:blank", browserContextId=context["browserContextId"]
                )
                address = f"{host.replace('http:', 'ws:')}/devtools/page/{made['targetId']}"
                pages.append(Page(await session.ws_connect(address, max_msg_size=0)))
                return pages[-1]

            yield page
            for each in (*pages, root):
                await each.close()
    finally:
        process.kill()
        await process.wait()
