"""`meshtui serve` in a real Chromium: panes fill, keys and sizes are obeyed, nobody comes in without a token."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command
from tests.cli.web.browser import CHROMIUM, chromium
from tests.waiting import GUARD

needs_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; .ci/run installs it")


@asynccontextmanager
async def serving(kubeconfig: str, *flags: str) -> AsyncIterator[str]:
    """The address with its token."""
    process = await Command(kubeconfig).begin("serve", "--port", "0", *flags)
    try:
        line = await asyncio.wait_for(process.stdout.readline(), GUARD)
        yield json.loads(line)["url"]
    finally:
        process.terminate()
        _, err = await asyncio.wait_for(process.communicate(), GUARD)
        assert b"Traceback" not in err


@needs_a_browser
@pytest.mark.timeout(240)
async def test_two_visitors_each_have_a_dashboard_that_obeys_their_keys(tmp_path: Path) -> None:
    """Takes 5 to 10 s: a Chromium starts, and a dashboard with a Python of its own for each visitor."""
    async with (
        launch(SimOptions(state="global")) as running,
        serving(str(running.kubeconfig), "--read-write") as url,
        chromium(tmp_path) as page,
    ):
        one, two = await page(), await page()
        await one.open(url)
        await one.until(lambda text: "rebel-base" in text and "koornacht-control-plane" in text)
        assert "token" not in await one.value("location.href")
        assert await one.value("document.cookie") == ""
        token = url.rpartition("=")[2]
        assert token not in await one.value("document.documentElement.outerHTML")
        assert {each.split("/")[2] for each in one.requests if each.startswith("http")} == {url.split("/")[2]}

        await two.open(url)
        await two.until(lambda text: "rebel-base" in text)
        await one.press("2", "s")
        for visitor in (one, two):
            await visitor.until(lambda text: re.search(r"rebel-base +K +◉g ○s", text))

        await one.press("l")
        await one.until(lambda text: "10/10" in text)
        assert "10/10" not in two.text

        wide = max(map(len, one.text.splitlines()))
        await one.size(1800, 900)
        await one.until(lambda text: max(map(len, text.splitlines())) > wide + 20)


@needs_a_browser
@pytest.mark.timeout(120)
async def test_visitors_look_and_change_nothing_unless_it_is_said(tmp_path: Path) -> None:
    """Takes about 5 s: a Chromium and a dashboard start."""
    async with (
        launch(SimOptions(state="global")) as running,
        serving(str(running.kubeconfig)) as url,
        chromium(tmp_path) as page,
    ):
        one = await page()
        await one.open(url)
        await one.until(lambda text: "rebel-base" in text)
        await one.press("2")
        while "koornacht is read-only" not in one.text:  # the cursor stands on a service once the list has settled
            await one.press("s")
            await asyncio.sleep(0.2)
        assert re.search(r"rebel-base +K +◉g ◉s", one.text)


async def test_nobody_comes_in_without_the_token_nor_from_another_site(tmp_path: Path) -> None:
    async with serving(str(tmp_path / "none")) as url, aiohttp.ClientSession() as visitor:
        base = url.partition("/?")[0]
        for path in ("/", "/ws", "/static/js/textual.js", "/?token=wrong", "/?token="):
            async with visitor.get(base + path) as answer:
                assert answer.status == 401
        async with visitor.get(url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/")
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
        cookies = {"Cookie": cookie.partition(";")[0]}
        async with visitor.get(base, headers=cookies) as answer:
            assert answer.status == 200
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        async with visitor.get(f"{base}/ws", headers={**cookies, "Origin": "https://elsewhere.example"}) as answer:
            assert answer.status == 403


async def test_other_machines_are_served_by_tls_or_a_proxy_alone(meshtui: Command) -> None:
    ran = await meshtui("serve", "--host", "0.0.0.0")
    assert ran.code == 2
    assert "--tls-cert" in ran.err
    assert (await meshtui("serve", "--tls-cert", "a.crt")).code == 2
