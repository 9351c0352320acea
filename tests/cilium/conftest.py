"""The fake API server of the kube tests, serving a recorded cluster with Cilium."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from meshtui.core.model.objects import Pod
from tests.kube.conftest import api, fake
from tests.kube.fake import FakeApi, Script

__all__ = ["api", "fake"]
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"


@pytest.fixture
def koornacht(recordings: Path) -> Path:
    return recordings / "3-deployed" / "koornacht"


@pytest.fixture
def pods(koornacht: Path) -> list[Pod]:
    listed = json.loads((koornacht / "pods.json").read_text())
    return [msgspec.convert(item, Pod) for item in listed["items"]]


@pytest.fixture
def agent(pods: list[Pod]) -> Pod:
    return next(pod for pod in pods if pod.labels.get("k8s-app") == "cilium")


def answers(fake: FakeApi, pod: Pod, outcomes: dict[str, bytes | str | int]) -> None:
    """Let exec in `pod` answer by command: bytes are stdout, an int an exit code with stderr, text a failed start."""

    async def play(socket, request):
        command = " ".join(request.query.getall("command"))
        outcome = outcomes.get(command, f'exec: "{command.split()[0]}": executable file not found in $PATH')
        if isinstance(outcome, bytes):
            for start in range(0, len(outcome), 4096):
                await socket.send_bytes(b"\x01" + outcome[start : start + 4096])
            status = {"status": "Success"}
        elif isinstance(outcome, int):
            await socket.send_bytes(b"\x02Get healthz: connection \x1b[31mrefused\n")
            details = {"causes": [{"reason": "ExitCode", "message": str(outcome)}]}
            status = {"status": "Failure", "reason": "NonZeroExitCode", "details": details}
        else:
            status = {"status": "Failure", "reason": "InternalError", "message": outcome, "code": 500}
        await socket.send_bytes(b"\x03" + json.dumps(status).encode())

    script: Script = play
    fake.sockets[f"{KUBE_SYSTEM}/pods/{pod.name}/exec"] = script
