"""curl in a simulated container: requests through the simulated datapath, with the real one's words and codes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from meshtui.sim.shell.process import NoSuchFile, Shell
from meshtui.sim.shell.tools.curlargs import Arguments, Misused, Target, parse, target

MISUSED, UNSUPPORTED, MALFORMED = 2, 1, 3
DNS, REFUSED, NO_SUCH_PAGE, WRITE_ERROR, TIMED_OUT, EMPTY, RESET = 6, 7, 22, 23, 28, 52, 56
DEFAULT_PATIENCE = 130.0
"""Seconds until a SYN without answer is given up by the kernel."""
_VARIABLE = re.compile(r"%\{([a-z_0-9]+)\}|%header\{([^}]*)\}|%%|\\([nrt\\])")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


@dataclass
class Transfer:
    """One URL's result, as curl reports it."""

    url: str
    exit_code: int = 0
    error: str = ""
    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    connected: bool = False
    resolved: bool = False
    local: tuple[str, int] = ("", 0)
    remote: tuple[str, int] = ("", 0)


async def curl(shell: Shell, argv: list[str]) -> int:
    """Make the requests one after the other (or at once with -Z); the last one's exit code."""
    try:
        arguments = parse(argv[1:])
    except Misused as error:
        await shell.err(f"curl: {error}\ncurl: try 'curl --help' for more information\n")
        return MISUSED
    if not arguments.urls:
        await shell.err("curl: (2) no URL specified\n")
        return MISUSED
    if arguments.parallel:
        tasks = [asyncio.ensure_future(_fetch(shell, arguments, url)) for url in arguments.urls]
        try:
            transfers = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return max([await _report(shell, arguments, t, n) for n, t in enumerate(transfers)])
    code = 0
    for number, url in enumerate(arguments.urls):
        code = await _report(shell, arguments, await _fetch(shell, arguments, url), number)
    return code


async def _fetch(shell: Shell, arguments: Arguments, url: str) -> Transfer:
    try:
        goal = target(url)
    except ValueError:
        return Transfer(url, MALFORMED, "URL using bad/illegal format or missing URL")
    if goal.scheme != "http":
        return Transfer(url, UNSUPPORTED, f"Protocol {goal.scheme!r} not supported or disabled in libcurl")
    transfer = await _request(shell, arguments, goal, url)
    for _ in range(10):
        location = {name.lower(): value for name, value in transfer.headers.items()}.get("location", "")
        if not (arguments.location and transfer.status in (301, 302, 303, 307, 308) and location):
            break
        following = location if "://" in location else f"http://{goal.host}:{goal.port}{location}"
        goal = target(following)
        transfer = await _request(shell, arguments, goal, following)
    return transfer


async def _request(shell: Shell, arguments: Arguments, goal: Target, url: str) -> Transfer:
    """One HTTP request. `--connect-timeout` and `--max-time` bound it together."""
    limits = [limit for limit in (arguments.max_time, arguments.connect_timeout) if limit > 0]
    box = shell.box
    started = box.world.clock.monotonic()
    try:
        result = await box.request(
            box.world,
            box.cluster,
            box.pod,
            goal.host,
            goal.port,
            path=goal.path,
            method=arguments.verb,
            max_time=min(limits, default=DEFAULT_PATIENCE),
            headers=dict(arguments.headers),
        )
    except ConnectionError:
        return Transfer(url, RESET, "Recv failure: Connection reset by peer")
    return _transfer(url, goal, result, max(result.seconds, 0.0) or box.world.clock.monotonic() - started)


def _transfer(url: str, goal: Target, result: Any, seconds: float) -> Transfer:
    kind = str(getattr(result.kind, "value", result.kind))
    transfer = Transfer(url, seconds=seconds, resolved=kind != "dns")
    millis = round(seconds * 1000)
    if kind in ("answered", "http", "ok"):
        transfer.status, transfer.headers = result.status, dict(result.headers or {})
        transfer.body = result.body.encode() if isinstance(result.body, str) else bytes(result.body)
        transfer.local, transfer.remote = _ends(result)
        transfer.connected = True
    elif kind.startswith("dns") and "timeout" in kind:
        transfer.exit_code, transfer.error = TIMED_OUT, f"Resolving timed out after {millis} milliseconds"
        transfer.resolved = False
    elif kind.startswith("dns"):
        transfer.exit_code, transfer.error = DNS, f"Could not resolve host: {goal.host}"
    elif kind == "refused":
        words = f"Failed to connect to {goal.host} port {goal.port} after {millis} ms: Couldn't connect to server"
        transfer.exit_code, transfer.error = REFUSED, words
    elif kind == "reset":
        transfer.exit_code, transfer.error = RESET, "Recv failure: Connection reset by peer"
        transfer.local, transfer.remote = _ends(result)
        transfer.connected = True
    else:
        transfer.exit_code, transfer.error = TIMED_OUT, f"Connection timed out after {millis} milliseconds"
    return transfer


def _ends(result: Any) -> tuple[tuple[str, int], tuple[str, int]]:
    return (result.local_ip, int(result.local_port)), (result.remote_ip, int(result.remote_port))


async def _report(shell: Shell, arguments: Arguments, transfer: Transfer, number: int) -> int:
    """Write body, errors and --write-out; the exit code."""
    if arguments.fail and transfer.status >= HTTPStatus.BAD_REQUEST:
        transfer.exit_code = NO_SUCH_PAGE
        transfer.error = f"The requested URL returned error: {transfer.status}"
    if arguments.verbose:
        await shell.err(_verbose(arguments, transfer))
    if transfer.exit_code == 0 and not await _save(shell, arguments, transfer, number):
        transfer.exit_code, transfer.error = WRITE_ERROR, "Failure writing output to destination"
    if transfer.exit_code and (arguments.show_error or not arguments.silent):
        await shell.err(f"curl: ({transfer.exit_code}) {transfer.error}\n")
    if arguments.write_out:
        await shell.out(_written(arguments.write_out, arguments, transfer))
    return transfer.exit_code


async def _save(shell: Shell, arguments: Arguments, transfer: Transfer, number: int) -> bool:
    data = _head(transfer) if arguments.include else b""
    data += b"" if arguments.verb == "HEAD" else transfer.body
    path = arguments.outputs[number] if number < len(arguments.outputs) else "-"
    if path == "-":
        await shell.out(data)
        return True
    try:
        await shell.open(path, write=True).write(data)
    except NoSuchFile:
        return False
    return True


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _head(transfer: Transfer) -> bytes:
    lines = [f"HTTP/1.1 {transfer.status} {_reason(transfer.status)}".rstrip()]
    lines += [f"{name}: {value}" for name, value in transfer.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _verbose(arguments: Arguments, transfer: Transfer) -> str:
    goal = target(transfer.url)
    lines = []
    if transfer.connected:
        lines.append(f"* Connected to {goal.host} ({transfer.remote[0]}) port {transfer.remote[1]}")
        lines.append(f"> {arguments.verb} {goal.path} HTTP/1.1")
        lines.append(f"> Host: {goal.host}")
        lines += [f"> {name}: {value}" for name, value in arguments.headers.items()]
        lines.append(f"< HTTP/1.1 {transfer.status} {_reason(transfer.status)}")
        lines += [f"< {name}: {value}" for name, value in transfer.headers.items()]
    if transfer.error:
        lines.append(f"* {transfer.error}")
    return "".join(f"{line}\n" for line in lines)


def _written(template: str, arguments: Arguments, transfer: Transfer) -> str:
    values = _variables(arguments, transfer)
    headers = {name.lower(): value for name, value in transfer.headers.items()}

    def replace(match: re.Match[str]) -> str:
        if match.group(1):
            return values.get(match.group(1), "")
        if match.group(2) is not None:
            return headers.get(match.group(2).lower(), "")
        return "%" if match.group() == "%%" else _ESCAPES[match.group(3)]

    return _VARIABLE.sub(replace, template)


def _variables(arguments: Arguments, transfer: Transfer) -> dict[str, str]:
    total, done = transfer.seconds, transfer.connected
    return {
        "http_code": f"{transfer.status:03d}",
        "response_code": f"{transfer.status:03d}",
        "http_connect": "000",
        "http_version": "1.1" if transfer.status else "0",
        "exitcode": str(transfer.exit_code),
        "errormsg": transfer.error,
        "time_total": f"{total:.6f}",
        "time_namelookup": f"{min(total, 0.0005) if transfer.resolved else 0:.6f}",
        "time_connect": f"{total * 0.4 if done else 0:.6f}",
        "time_appconnect": f"{0:.6f}",
        "time_pretransfer": f"{total * 0.4 if done else 0:.6f}",
        "time_starttransfer": f"{total * 0.9 if done else 0:.6f}",
        "time_redirect": f"{0:.6f}",
        "local_ip": transfer.local[0],
        "local_port": str(transfer.local[1]),
        "remote_ip": transfer.remote[0],
        "remote_port": str(transfer.remote[1]),
        "num_connects": str(int(done)),
        "num_redirects": "0",
        "num_headers": str(len(transfer.headers)),
        "size_download": str(len(transfer.body)),
        "size_header": str(len(_head(transfer)) if transfer.status else 0),
        "size_upload": str(len(arguments.body or "")),
        "content_type": dict(transfer.headers).get("Content-Type", ""),
        "method": arguments.verb,
        "url": transfer.url,
        "url_effective": transfer.url,
        "scheme": "http",
        "speed_download": str(int(len(transfer.body) / total) if total else 0),
    }
