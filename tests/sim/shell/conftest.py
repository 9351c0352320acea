"""A container to run commands in: no cluster behind it, answers given by the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from meshtui.sim import shell
from meshtui.sim.clock import RealClock


@dataclass
class Result:
    kind: str = "answered"
    status: int = 200
    body: bytes = b'{"Cluster": "Tion"}\n'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    seconds: float = 0.0031
    local_ip: str = "10.1.0.27"
    local_port: int = 56020
    remote_ip: str = "172.20.1.156"
    remote_port: int = 80


@dataclass
class Ran:
    code: int
    out: str
    err: str


class Bench:
    """Runs commands in one container and remembers the requests they made."""

    def __init__(self, image: str = "quay.io/cilium/json-mock:v1.3.8") -> None:
        self.clock: Any = RealClock()
        self.image = image
        self.requests: list[tuple[str, int, dict[str, Any]]] = []
        self.results: list[Result] = []

    async def request(self, world, cluster, pod, host, port, **options):
        self.requests.append((host, port, options))
        return self.results.pop(0) if self.results else Result()

    async def argv(self, *argv: str, stdin=None) -> Ran:
        out, err = bytearray(), bytearray()
        pod = {
            "metadata": {"name": "x-wing-1", "namespace": "default"},
            "spec": {"containers": [{"name": "main", "image": self.image}]},
            "status": {"podIP": "10.1.0.27"},
        }

        async def to_out(data: bytes) -> None:
            out.extend(data)

        async def to_err(data: bytes) -> None:
            err.extend(data)

        world = SimpleNamespace(clock=self.clock)
        code = await shell.run(world, None, pod, "main", argv, stdin, to_out, to_err, request=self.request)
        return Ran(code, out.decode("latin-1"), err.decode("latin-1"))

    async def sh(self, script: str, *arguments: str, stdin=None) -> Ran:
        return await self.argv("sh", "-c", script, *arguments, stdin=stdin)


@pytest.fixture
def bench() -> Bench:
    return Bench()
