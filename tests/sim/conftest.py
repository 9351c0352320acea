"""What kubectl is tried against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sim.kubectl import Kubectl


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    started = Kubectl(tmp_path_factory.mktemp("kubectl"), ready_delay=0.1, state="global")
    yield started
    started.close()
