"""An embedded API server, in this process, and somebody to talk to it."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from meshtui.sim.options import SimOptions
from meshtui.sim.serve import Mesh


class Client:
    """One cluster's API, spoken raw."""

    def __init__(self, session: aiohttp.ClientSession, server: str, headers: dict[str, str]) -> None:
        self.session = session
        self.server = server
        self.headers = headers

    async def call(
        self, method: str, path: str, body: Any = None, *, media: str = "application/json", **headers: str
    ) -> tuple[int, Any]:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        sent = {**self.headers, **named} | ({"Content-Type": media} if body is not None else {})
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self.session.request(method, self.server + path, data=data, headers=sent) as answer:
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.text()

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return await self.call("GET", path, **headers)

    async def merge(self, path: str, patch: Any) -> tuple[int, Any]:
        return await self.call("PATCH", path, patch, media="application/merge-patch+json")


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    options = SimOptions(state="deployed", directory=tmp_path / "mesh", ready_delay=0.05, node_grace=0.2)
    async with Mesh(options) as running:
        yield running


@contextlib.asynccontextmanager
async def administrator(mesh: Mesh, number: int = 0) -> AsyncIterator[Client]:
    """One cluster, as its administrator: by client certificate, or by token where its kubeconfig has that."""
    config = yaml.safe_load(mesh.kubeconfig.read_text())
    cluster = config["clusters"][number]["cluster"]
    user = config["users"][number]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    if not headers:
        with tempfile.NamedTemporaryFile() as pem:
            pem.write(base64.b64decode(user["client-certificate-data"]))
            pem.write(base64.b64decode(user["client-key-data"]))
            pem.flush()
            context.load_cert_chain(pem.name)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield Client(session, cluster["server"], headers)


@pytest.fixture
async def api(mesh: Mesh) -> AsyncIterator[Client]:
    """The first cluster, as its administrator."""
    async with administrator(mesh) as client:
        yield client


@pytest.fixture
async def anonymous(mesh: Mesh) -> AsyncIterator[Client]:
    """The first cluster, without credentials."""
    config = yaml.safe_load(mesh.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield Client(session, cluster["server"], {})
