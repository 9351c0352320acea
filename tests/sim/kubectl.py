"""kubectl against an embedded mesh, as a person at a shell has it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import GUARD

DENY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: default-deny}
spec:
  endpointSelector: {}
  ingress: [{}]
"""
"""The lab's policy against all that comes in."""


@dataclass(frozen=True)
class Done:
    """A command's end."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Kubectl:
    """A simulator's process and the kubectl that talks to it."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self._home = directory
        text = json.dumps({"directory": str(directory), "follow_parent": True, **options})
        command = [sys.executable, "-m", "meshtui.sim", text]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self._process.stdout.readline()
        assert line, "the simulator did not start"
        self.ready = json.loads(line)

    def __call__(self, *args: str, stdin: str = "", context: str = "koornacht") -> Done:
        done = subprocess.run(
            self.command(*args, context=context),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=GUARD,
            env=self.environment(),
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def command(self, *args: str, context: str = "koornacht") -> list[str]:
        return ["kubectl", args[0], "--context", context, *args[1:]]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": self.ready["kubeconfig"], "HOME": str(self._home)}

    def ok(self, *args: str, stdin: str = "", context: str = "koornacht") -> str:
        done = self(*args, stdin=stdin, context=context)
        assert done.code == 0, done.err
        return done.out

    def until(self, wanted: str, *args: str) -> None:
        """Ask until the answer is what is wanted."""
        end = time.monotonic() + GUARD
        while (answer := self.ok(*args).strip()) != wanted:
            assert time.monotonic() < end, f"{args}: {answer!r} is not {wanted!r}"

    def follow(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*args), stdout=subprocess.PIPE, text=True, bufsize=1, env=self.environment()
        )

    def close(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(GUARD) == 0
        self._process.stdout.close()


def read_line(process: subprocess.Popen[str]) -> str:
    """The next line of a command that goes on, within the limit."""
    readable, _, _ = select.select([process.stdout], [], [], GUARD)
    assert readable, "nothing came"
    return process.stdout.readline()
