"""Programs of Cilium's containers: cilium-dbg (once `cilium`), cilium-health, clustermesh-apiserver, the operator."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from meshtui.sim import agents
from meshtui.sim.builds import build
from meshtui.sim.datapath.view import view
from meshtui.sim.dbg import features, policies, words
from meshtui.sim.dbg.endpoints import endpoints
from meshtui.sim.dbg.output import BadOutput, output_of, printed, words_of
from meshtui.sim.dbg.statuswords import status_text
from meshtui.sim.shell.process import Shell
from meshtui.sim.shell.tools.hubble import hubble
from meshtui.sim.troubleshoot import NO_KVSTORE

_VALUED = ("-o", "--output", "-p", "--match-pattern", "-n", "--namespace", "-H", "--host")


def _node(shell: Shell) -> str:
    return str(shell.box.pod.get("spec", {}).get("nodeName", ""))


async def _tell(shell: Shell, argv: list[str], read: Callable[[], Any], say: Callable[[Any], str]) -> int:
    """Print what a program knows: in the format of `-o`, else in words."""
    output = output_of(argv)
    try:
        answer = read()
        text = printed(answer, output) if output else say(answer)
    except agents.NoAnswer as error:
        if isinstance(error, agents.Hangs):
            await shell.box.world.clock.sleep(agents.PATIENCE)
        await shell.err(str(error))
        return 1
    except BadOutput as error:
        await shell.err(f"{error}\n")
        return 1
    except re.error as error:
        await shell.err(f"Error: Cannot compile regex: {error}\n")
        return 1
    await shell.out(text)
    return 0


async def _words(shell: Shell, read: Callable[[], str]) -> int:
    """Print what is told in words alone."""
    return await _tell(shell, [], read, str)


async def cilium_dbg(shell: Shell, argv: list[str]) -> int:
    """`status`, `service list`, `endpoint list|get`, `policy get`, `encrypt status`, `metrics list`, `version`."""
    box, node = shell.box, _node(shell)
    asked = words_of(argv[1:], _VALUED)
    match asked:
        case ["status", *_]:
            every = any(w in ("--all-clusters", "--verbose") for w in argv)
            return await _tell(
                shell, argv, lambda: agents.agent_status(box.world, box.cluster, node),
                lambda found: status_text(found, all_clusters=every),
            )  # fmt: skip
        case ["service" | "svc", "list" | "ls", *_]:
            return await _tell(shell, argv, lambda: agents.service_list(box.world, box.cluster, node), words.services)
        case ["endpoint" | "ep", "list" | "ls", *_]:
            headers = "--no-headers" not in argv
            return await _tell(
                shell, argv, lambda: _endpoints(shell), lambda found: words.endpoints(found, headers=headers)
            )
        case ["endpoint" | "ep", "get", *wanted] if wanted:
            return await _one_endpoint(shell, argv, wanted[0])
        case ["policy", "get", *_]:
            return await _tell(shell, argv, lambda: _policy(shell), policies.words)
        case ["encrypt", "status", *_]:
            return await _tell(shell, argv, lambda: _encryption(shell), lambda found: words.encryption(found["mode"]))
        case ["metrics", "list" | "ls", *_]:
            return await _metrics(shell, argv, features.agent_metrics)
        case ["troubleshoot", "clustermesh", *names]:
            return await _words(shell, lambda: agents.troubleshoot(box.world, box.cluster, node, names))
        case ["troubleshoot", *_]:
            await shell.out(NO_KVSTORE)
            return 0
        case ["version", *_]:
            made = build(view(box.cluster).version)
            return await _tell(shell, argv, lambda: words.version_object(made), lambda _: words.version(made))
    await shell.err(f'Error: unknown command "{" ".join(asked)}" for "cilium-dbg"\n')
    return 1


def _policy(shell: Shell) -> dict[str, Any]:
    agents.answering(shell.box.world, shell.box.cluster, _node(shell))
    return policies.policy(view(shell.box.cluster))


def _endpoints(shell: Shell) -> list[Any]:
    agents.answering(shell.box.world, shell.box.cluster, _node(shell))
    return endpoints(shell.box.cluster, _node(shell))


async def _one_endpoint(shell: Shell, argv: list[str], wanted: str) -> int:
    """One endpoint by its id or its pod, always as JSON."""
    try:
        held = _endpoints(shell)
    except agents.NoAnswer as error:
        await shell.err(str(error))
        return 1
    name = wanted.removeprefix("pod-name:")
    found = [e for e in held if str(e["id"]) == wanted or e["status"]["external-identifiers"].get("pod-name") == name]
    if not found:
        await shell.err(f"Error: Cannot get endpoint {wanted}: [GET /endpoint/{{id}}][404] getEndpointIdNotFound\n\n")
        return 1
    return await _tell(shell, argv, lambda: found, lambda value: printed(value, "json"))


def _encryption(shell: Shell) -> dict[str, str]:
    status = agents.agent_status(shell.box.world, shell.box.cluster, _node(shell))
    return {"mode": status["encryption"]["mode"]}


async def _metrics(shell: Shell, argv: list[str], read: Callable[[Any, str], list[Any]]) -> int:
    pattern = ".*"
    for at, word in enumerate(argv[:-1]):
        if word in ("-p", "--match-pattern"):
            pattern = argv[at + 1]

    return await _tell(shell, argv, lambda: read(shell.box.cluster, pattern), words.metrics)


async def cilium_operator(shell: Shell, argv: list[str]) -> int:
    """`metrics list`, and its version."""
    asked = words_of(argv[1:], _VALUED)
    if asked[:2] == ["metrics", "list"]:
        return await _metrics(shell, argv, features.operator_metrics)
    if asked[:1] == ["version"] or "--version" in argv:
        await shell.out(f"Cilium Operator {build(view(shell.box.cluster).version).line}\n")
        return 0
    await shell.err(f'Error: unknown command "{" ".join(asked)}" for "{argv[0]}"\n')
    return 1


async def cilium_health(shell: Shell, argv: list[str]) -> int:
    """`status`, with `-o json`."""
    box = shell.box
    if argv[1:2] != ["status"]:
        await shell.err('Error: unknown command for "cilium-health"\n')
        return 1
    return await _tell(shell, argv, lambda: agents.health(box.world, box.cluster, _node(shell)), lambda _: "OK\n")


async def clustermesh_apiserver(shell: Shell, argv: list[str]) -> int:
    """`kvstoremesh-dbg status`, with `-o json`, and `kvstoremesh-dbg troubleshoot`."""
    box = shell.box
    if argv[1:3] == ["kvstoremesh-dbg", "troubleshoot"]:
        names = words_of(argv[3:])
        return await _words(shell, lambda: agents.kvstoremesh_troubleshoot(box.world, box.cluster, names))
    if argv[1:3] != ["kvstoremesh-dbg", "status"]:
        await shell.err('Error: unknown command for "clustermesh-apiserver"\n')
        return 1
    return await _tell(shell, argv, lambda: agents.kvstoremesh_status(box.world, box.cluster), lambda _: "OK\n")


TOOLS = {
    "cilium": cilium_dbg,
    "cilium-dbg": cilium_dbg,
    "cilium-health": cilium_health,
    "cilium-operator": cilium_operator,
    "cilium-operator-generic": cilium_operator,
    "clustermesh-apiserver": clustermesh_apiserver,
    "hubble": hubble,
}
