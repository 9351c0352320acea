"""Programs of simulated containers that tell of the container or wait: date, env, hostname, id, sleep, uname."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from meshtui.sim.shell.process import Shell

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


async def sleep(shell: Shell, argv: list[str]) -> int:
    """Wait for the sum of the durations."""
    total = 0.0
    for word in argv[1:]:
        match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)([smh]?)", word)
        if not match:
            await shell.err(f"sleep: invalid time interval '{word}'\n")
            return 1
        total += float(match.group(1)) * _UNITS[match.group(2)]
    if len(argv) < 2:
        await shell.err("sleep: missing operand\n")
        return 1
    await shell.box.world.clock.sleep(total)
    return 0


async def date(shell: Shell, argv: list[str]) -> int:
    """The simulated time in UTC."""
    now = shell.box.world.clock.now()
    template = next((word[1:] for word in argv[1:] if word.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    moment = datetime.fromtimestamp(now, UTC)
    template = template.replace("%N", f"{int(now % 1 * 1e9):09d}").replace("%s", str(int(now)))
    await shell.out(moment.strftime(template) + "\n")
    return 0


async def env(shell: Shell, argv: list[str]) -> int:
    """The environment, or a command run with more in it."""
    words = argv[1:]
    while words and re.fullmatch(r"\w+=.*", words[0], re.DOTALL):
        name, _, value = words.pop(0).partition("=")
        shell.variables[name] = value
        shell.exported.add(name)
    if words:
        return await shell.commands.invoke(shell, words)
    await shell.out("".join(f"{name}={value}\n" for name, value in shell.environment().items()))
    return 0


async def printenv(shell: Shell, argv: list[str]) -> int:
    """One variable, or all."""
    if len(argv) < 2:
        return await env(shell, ["env"])
    value = shell.environment().get(argv[1])
    await shell.out(f"{value}\n" if value is not None else "")
    return int(value is None)


async def hostname(shell: Shell, argv: list[str]) -> int:
    """The pod's name, or its address (-i)."""
    address = str(shell.box.pod.get("status", {}).get("podIP", ""))
    await shell.out((address if "-i" in argv[1:] or "-I" in argv[1:] else shell.pod_name) + "\n")
    return 0


async def identity(shell: Shell, argv: list[str]) -> int:
    """Who runs: root."""
    if argv[1:] in (["-u"], ["-g"]):
        await shell.out("0\n")
    elif argv[1:] in (["-un"], ["-gn"]) or argv[0].endswith("whoami"):
        await shell.out("root\n")
    else:
        await shell.out("uid=0(root) gid=0(root) groups=0(root)\n")
    return 0


async def uname(shell: Shell, argv: list[str]) -> int:
    """The system."""
    words = {"-n": shell.pod_name, "-r": "6.12.0", "-m": "x86_64", "-a": f"Linux {shell.pod_name} 6.12.0 x86_64"}
    await shell.out((words.get(argv[1], "Linux") if len(argv) > 1 else "Linux") + "\n")
    return 0


TOOLS = {
    "sleep": sleep, "date": date, "env": env, "printenv": printenv, "hostname": hostname, "id": identity,
    "whoami": identity, "uname": uname,
}  # fmt: skip
