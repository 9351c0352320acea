"""One embedded mesh for a whole module, and the command line run in this process: for tests of many commands."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from meshtui.cli import run


@dataclass
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


def call(*words: str, given: str = "") -> Ran:
    """Run `meshtui WORDS` in this process, with no terminal."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "oe"]
    kept, ended = sys.stdin, signal.getsignal(signal.SIGTERM)
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()), "utf-8")
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            code = run(list(words))
    finally:
        sys.stdin = kept
        signal.signal(signal.SIGTERM, ended)
    out, err = (stream.buffer.getvalue().decode() for stream in streams)  # type: ignore[attr-defined]
    assert "Traceback" not in err
    assert "meshtui made a mistake" not in err, err
    return Ran(code, out, err)


def call_line(line: str) -> Ran:
    """The same for a line as a person types it."""
    first, *rest = shlex.split(line)
    assert first == "meshtui"
    return call(*rest)


@dataclass(frozen=True)
class Served:
    """A mesh that is being served."""

    kubeconfig: str
    contexts: list[str]
    relays: dict[str, str]
    control: str

    def objects(self) -> dict[str, Any]:
        """What people decide in the clusters: object → its labels, annotations and spec."""
        found = {}
        for context in self.contexts:
            asked = ["kubectl", "--kubeconfig", self.kubeconfig, "--context", context, "get", KINDS, "-A", "-o", "json"]
            for each in json.loads(subprocess.run(asked, capture_output=True, check=True, timeout=30).stdout)["items"]:
                meta = each["metadata"]
                key = f"{context} {each['kind']} {meta.get('namespace', '')}/{meta['name']}"
                found[key] = [meta.get("labels"), meta.get("annotations"), each.get("spec"), each.get("data")]
        return found


KINDS = "namespaces,services,deployments,configmaps,ciliumnetworkpolicies,networkpolicies"


@contextlib.contextmanager
def served(**options: Any) -> Iterator[Served]:
    """Serve a mesh for the length of the block; options as `SimOptions` has them."""
    told = json.dumps({**options, "follow_parent": True})
    process = subprocess.Popen(
        [sys.executable, "-m", "meshtui.sim", told],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        ready = json.loads(process.stdout.readline())
        yield Served(ready["kubeconfig"], ready["contexts"], ready["relays"], ready["control"])
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()
