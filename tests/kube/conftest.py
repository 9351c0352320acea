"""A fake API server and a client for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meshtui.kube.api import Api
from tests.kube.fake import FakeApi, serving


@pytest.fixture
async def fake() -> AsyncIterator[FakeApi]:
    async with serving(FakeApi()) as server:
        yield server


@pytest.fixture
async def api(fake: FakeApi, tmp_path: Path) -> AsyncIterator[Api]:
    path = fake.kubeconfig(tmp_path)
    async with await Api.connect("k", path, os.environ, request_timeout=5) as client:
        yield client
