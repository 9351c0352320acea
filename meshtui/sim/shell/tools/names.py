"""Name lookups of simulated containers: nslookup and getent hosts."""

from __future__ import annotations

from meshtui.sim.shell.process import Shell


def _addresses(shell: Shell, host: str) -> tuple[str, tuple[str, ...]]:
    """The full name that was found, and its addresses; none when there is no such name."""
    from meshtui.sim.datapath.names import is_address, lookups
    from meshtui.sim.datapath.view import view

    if is_address(host):
        return host, (host,)
    asked = lookups(view(shell.box.cluster), host, shell.namespace)
    return asked[-1].query.rstrip("."), asked[-1].ips or ()


async def nslookup(shell: Shell, argv: list[str]) -> int:
    """What CoreDNS says of a name."""
    host = next((word for word in argv[1:] if not word.startswith("-")), "")
    if not host:
        await shell.err("nslookup: missing name\n")
        return 1
    name, addresses = _addresses(shell, host)
    if not addresses:
        await shell.out(f"** server can't find {host}: NXDOMAIN\n")
        return 1
    await shell.out("".join(f"Name:\t{name}\nAddress: {address}\n" for address in addresses))
    return 0


async def getent(shell: Shell, argv: list[str]) -> int:
    """`getent hosts NAME`."""
    if len(argv) < 3 or argv[1] not in ("hosts", "ahosts", "ahostsv4"):
        await shell.err("getent: only hosts is known here\n")
        return 1
    name, addresses = _addresses(shell, argv[2])
    await shell.out("".join(f"{address:<15} {name}\n" for address in addresses))
    return 0 if addresses else 2


TOOLS = {"nslookup": nslookup, "getent": getent}
