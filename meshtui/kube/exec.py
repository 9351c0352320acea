"""Commands in containers over WebSocket: streamed output, standard input, exit code."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from msgspec import Struct

from meshtui.core.errors import ClusterError, ExecFailed, MeshtuiError
from meshtui.core.model.resources import PODS
from meshtui.core.text import clean
from meshtui.kube import failures
from meshtui.kube.api import Api
from meshtui.kube.call import Call
from meshtui.kube.channels import CLOSE, ERROR, STDERR, STDIN, STDOUT, dial
from meshtui.kube.http.websocket import Closed, WebSocket

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
Channel = Literal["stdout", "stderr"]
_NAMES: dict[int, Channel] = {STDOUT: "stdout", STDERR: "stderr"}


class ExecResult(Struct, frozen=True):
    """All a command wrote, and its exit code."""

    stdout: bytes
    stderr: bytes
    exit_code: int


class ExecStream:
    """A running command: iterate for `(channel, bytes)` as they come; then `exit_code` or `error` is set."""

    def __init__(self, connection: WebSocket, call: Call) -> None:
        self._connection = connection
        self._call = call
        self.protocol = connection.subprotocol or V4
        self.exit_code: int | None = None
        """None while it runs, and when it could not be started or was cut off."""
        self.error: MeshtuiError | None = None
        """Why there is no exit code."""

    async def __aiter__(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """Output until the command ends. Raises nothing: look at `error`."""
        try:
            async for data in self._connection:
                if len(data) < 2:
                    continue
                if data[0] == ERROR:
                    self._finish(data[1:])
                    return
                name = _NAMES.get(data[0])
                if name is not None:
                    yield name, data[1:]
        except Closed as closed:
            self.error = self._cut_off(str(closed) or "the connection broke")
            return
        if self.exit_code is None and self.error is None:
            self.error = self._cut_off("the server closed the stream without an exit code")

    async def write(self, data: bytes) -> None:
        """Send to the command's standard input; raises ExecFailed when it is gone."""
        await self._send(bytes([STDIN]) + data)

    async def close_stdin(self) -> None:
        """End of input. Raises ExecFailed on servers before 1.30, whose protocol (v4) cannot say so."""
        if self.protocol != V5:
            cause = f"{self.protocol} has no end of input"
            raise self._call.fail(ExecFailed, cause, "Kubernetes 1.30 or newer speaks v5.channel.k8s.io")
        await self._send(bytes([CLOSE, STDIN]))

    async def _send(self, frame: bytes) -> None:
        try:
            await self._connection.send(frame)
        except Closed:
            raise self._cut_off("it takes no more input") from None

    def _finish(self, body: bytes) -> None:
        status = failures.status_of(body)
        if status.status == "Success":
            self.exit_code = 0
            return
        code = _exit_code(status.details) if status.reason == "NonZeroExitCode" else None
        if code is not None:
            self.exit_code = code
        else:
            self.error = self._cut_off(status.message or "it failed without a reason")

    def _cut_off(self, cause: str) -> ClusterError:
        # The runtime wraps its word five deep; the last part is the one that tells.
        cause = self._call.secrets.words(cause, 4000)
        return self._call.fail(ExecFailed, clean(cause[max(0, cause.rfind('exec: "')) :], 400))


@contextlib.asynccontextmanager
async def open_exec(
    api: Api, namespace: str, pod: str, command: Sequence[str], *, container: str = "", stdin: bool = False
) -> AsyncIterator[ExecStream]:
    """Start `command` in a container; leaving the block ends it. Raises the typed error of a refused handshake."""
    call = api.connection.call("create", "pods/exec", namespace, pod)
    params = [("command", word) for word in command]
    params += [("container", container)] if container else []
    params += [("stdin", "true")] if stdin else []
    params += [("stdout", "true"), ("stderr", "true")]
    connection = await dial(api, call, PODS.path(namespace, pod, "exec"), params, (V5, V4))
    try:
        yield ExecStream(connection, call)
    finally:
        await connection.close()


async def run(
    api: Api,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str = "",
    timeout: float | None = None,  # noqa: ASYNC109 - so callers may name their own bound
    limit: int = 16 * 1024 * 1024,
) -> ExecResult:
    """Run `command` to its end and collect its output.

    Raises ExecFailed when it cannot be started, is cut off or writes more than `limit` bytes, TimedOut after
    `timeout` seconds (default: the request timeout), and what `open_exec` raises.
    """
    seconds = api.request_timeout if timeout is None else timeout
    call = api.connection.call("create", "pods/exec", namespace, pod, seconds)
    try:
        async with asyncio.timeout(seconds):
            async with open_exec(api, namespace, pod, command, container=container) as stream:
                return await _collect(stream, call, limit)
    except TimeoutError:
        raise failures.timed_out(call) from None


async def _collect(stream: ExecStream, call: Call, limit: int) -> ExecResult:
    parts: dict[Channel, list[bytes]] = {"stdout": [], "stderr": []}
    size = 0
    async for channel, data in stream:
        parts[channel].append(data)
        size += len(data)
        if size > limit:
            cause = f"it wrote more than {limit} bytes"
            raise call.fail(ExecFailed, cause)
    if stream.exit_code is None:
        raise stream.error or call.fail(ExecFailed, "")
    return ExecResult(b"".join(parts["stdout"]), b"".join(parts["stderr"]), stream.exit_code)


def _exit_code(details: Any) -> int | None:
    for cause in (details or {}).get("causes") or () if isinstance(details, dict) else ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
            try:
                return int(str(cause.get("message")))
            except ValueError:
                return None
    return None
