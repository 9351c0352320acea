"""Programs of Cilium's own containers: cilium-dbg, cilium-health, clustermesh-apiserver."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from meshtui.sim import agents
from meshtui.sim.shell.process import Shell
from meshtui.sim.shell.tools.hubble import hubble
from meshtui.sim.troubleshoot import NO_KVSTORE


async def _tell(shell: Shell, argv: list[str], read: Callable[[], Any]) -> int:
    """Print what an agent says as JSON; in words only that it is well."""
    try:
        answer = read()
    except agents.NoAnswer as error:
        if isinstance(error, agents.Hangs):
            await shell.box.world.clock.sleep(agents.PATIENCE)
        await shell.err(str(error))
        return 1
    if "json" in argv or "-ojson" in argv:
        await shell.out(json.dumps(answer, indent=2) + "\n")
    else:
        await shell.out("OK\n")
    return 0


async def _words(shell: Shell, read: Callable[[], str]) -> int:
    """Print what is told in words."""
    try:
        await shell.out(read())
    except agents.NoAnswer as error:
        await shell.err(str(error))
        return 1
    return 0


def _node(shell: Shell) -> str:
    return str(shell.box.pod.get("spec", {}).get("nodeName", ""))


async def cilium_dbg(shell: Shell, argv: list[str]) -> int:
    """`status` and `service list`, with `-o json`; `troubleshoot clustermesh` and `kvstore`."""
    box = shell.box
    words = [word for word in argv[1:] if not word.startswith("-") and word != "json"]
    if words[:1] == ["status"]:
        return await _tell(shell, argv, lambda: agents.agent_status(box.world, box.cluster, _node(shell)))
    if words[:2] == ["service", "list"]:
        return await _tell(shell, argv, lambda: agents.service_list(box.world, box.cluster, _node(shell)))
    if words[:2] == ["troubleshoot", "clustermesh"]:
        return await _words(shell, lambda: agents.troubleshoot(box.world, box.cluster, _node(shell), words[2:]))
    if words[:1] == ["troubleshoot"]:
        await shell.out(NO_KVSTORE)
        return 0
    await shell.err(f'Error: unknown command "{" ".join(words)}" for "cilium-dbg"\n')
    return 1


async def cilium_health(shell: Shell, argv: list[str]) -> int:
    """`status`, with `-o json`."""
    box = shell.box
    if argv[1:2] != ["status"]:
        await shell.err('Error: unknown command for "cilium-health"\n')
        return 1
    return await _tell(shell, argv, lambda: agents.health(box.world, box.cluster, _node(shell)))


async def clustermesh_apiserver(shell: Shell, argv: list[str]) -> int:
    """`kvstoremesh-dbg status`, with `-o json`, and `kvstoremesh-dbg troubleshoot`."""
    box = shell.box
    if argv[1:3] == ["kvstoremesh-dbg", "troubleshoot"]:
        names = [word for word in argv[3:] if not word.startswith("-")]
        return await _words(shell, lambda: agents.kvstoremesh_troubleshoot(box.world, box.cluster, names))
    if argv[1:3] != ["kvstoremesh-dbg", "status"]:
        await shell.err('Error: unknown command for "clustermesh-apiserver"\n')
        return 1
    return await _tell(shell, argv, lambda: agents.kvstoremesh_status(box.world, box.cluster))


TOOLS = {
    "cilium-dbg": cilium_dbg,
    "cilium-health": cilium_health,
    "clustermesh-apiserver": clustermesh_apiserver,
    "hubble": hubble,
}
