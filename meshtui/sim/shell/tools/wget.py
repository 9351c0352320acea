"""wget in a simulated container, as busybox has it."""

from __future__ import annotations

from http import HTTPStatus

from meshtui.sim.shell.process import Shell
from meshtui.sim.shell.tools.curlargs import target
from meshtui.sim.shell.tools.text import split_options

DEFAULT_TIMEOUT = 900.0


async def wget(shell: Shell, argv: list[str]) -> int:
    """One GET: -q, -O PATH, -T SECONDS, -S, --spider."""
    spider = "--spider" in argv
    options, urls = split_options([word for word in argv[1:] if not word.startswith("--")], "OTtUP")
    if not urls:
        await shell.err("wget: missing URL\n")
        return 1
    goal = target(urls[0])
    box = shell.box
    result = await box.request(
        box.world,
        box.cluster,
        box.pod,
        goal.host,
        goal.port,
        path=goal.path,
        method="HEAD" if spider else "GET",
        max_time=float(options.get("T") or DEFAULT_TIMEOUT),
        headers={},
    )
    kind = str(getattr(result.kind, "value", result.kind))
    words = {
        "dns": f"bad address '{goal.host}'",
        "refused": f"can't connect to remote host ({result.remote_ip}): Connection refused",
        "reset": "error getting response: Connection reset by peer",
        "timeout": "download timed out",
    }
    if kind != "answered":
        await shell.err(f"wget: {words.get(kind, words['timeout'])}\n")
        return 1
    if result.status >= HTTPStatus.BAD_REQUEST:
        await shell.err(f"wget: server returned error: HTTP/1.1 {result.status} {HTTPStatus(result.status).phrase}\n")
        return 1
    body = result.body.encode() if isinstance(result.body, str) else bytes(result.body)
    path = options.get("O", "")
    if not spider:
        await (shell.out(body) if path == "-" else shell.open(path or "index.html", write=True).write(body))
    return 0
