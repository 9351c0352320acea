"""Builds the lab with kind and the cilium CLI: which commands, in which order, and what is missing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from meshtui.core.errors import CheckFailed

NAMES = ("koornacht", "tion")
_TOOLS = {
    "docker": "install Docker or Podman",
    "kind": "https://kind.sigs.k8s.io",
    "cilium": "the cilium CLI: https://docs.cilium.io",
    "kubectl": "https://kubernetes.io",
}


def kind_config(number: int) -> str:
    """Kind's configuration of cluster `number` (1, 2): no CNI, pod and service ranges of its own."""
    return (
        "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n"
        "networking:\n  disableDefaultCNI: true\n"
        f'  podSubnet: "10.{number}.0.0/16"\n  serviceSubnet: "172.20.{number}.0/24"\n'
    )


def up() -> list[tuple[list[str], str]]:
    """(command, its standard input) to build both clusters and join them."""
    commands: list[tuple[list[str], str]] = []
    for number, name in enumerate(NAMES, 1):
        commands.append((["kind", "create", "cluster", "--name", name, "--config", "-"], kind_config(number)))
    for number, name in enumerate(NAMES, 1):
        settings = [f"cluster.name={name}", f"cluster.id={number}", "ipam.mode=kubernetes", "hubble.relay.enabled=true"]
        words = [word for setting in settings for word in ("--set", setting)]
        commands.append((["cilium", "install", "--context", f"kind-{name}", *words, "--wait"], ""))
        if number == 1:
            continue
        commands.append((_share_authority(), ""))
    for name in NAMES:
        enable = ["cilium", "clustermesh", "enable", "--context", f"kind-{name}", "--service-type", "NodePort"]
        commands.append((enable, ""))
    first, second = (f"kind-{name}" for name in NAMES)
    commands.append((["cilium", "clustermesh", "status", "--context", first, "--wait"], ""))
    commands.append((["cilium", "clustermesh", "connect", "--context", first, "--destination-context", second], ""))
    return commands


def _share_authority() -> list[str]:
    """Both clusters must trust one authority; the second takes the first one's before its certificates are made."""
    first, second = (f"kind-{name}" for name in NAMES)
    copy = (
        f"kubectl --context {first} -n kube-system get secret cilium-ca -o yaml | "
        f"kubectl --context {second} -n kube-system replace --force -f -"
    )
    return ["sh", "-c", copy]


def down() -> list[tuple[list[str], str]]:
    """Commands to remove both clusters."""
    return [(["kind", "delete", "cluster", "--name", name], "") for name in NAMES]


def check_tools(commands: list[tuple[list[str], str]]) -> None:
    """Raise CheckFailed naming the tools that are not installed."""
    needed = {command[0] for command, _ in commands if command[0] in _TOOLS} | {"docker"}
    missing = sorted(tool for tool in needed if shutil.which(tool) is None)
    if missing:
        raise CheckFailed(
            f"the lab needs {', '.join(missing)}, not found in PATH",
            hint="; ".join(f"{tool}: {_TOOLS[tool]}" for tool in missing) + "; or use `meshtui demo`, which needs none",
        )


def carry_out(commands: list[tuple[list[str], str]], say: Callable[[str], None]) -> None:
    """Run the commands in order, their words to the terminal. Raises CheckFailed at the first that fails."""
    check_tools(commands)
    for command, text in commands:
        say("$ " + " ".join(command))
        done = subprocess.run(command, input=text or None, text=True, check=False)
        if done.returncode:
            raise CheckFailed(
                f"{command[0]} {command[1]} failed", cause=f"exit code {done.returncode}", hint="see what it said above"
            )


def contexts() -> list[str]:
    """The kubeconfig contexts that kind makes."""
    return [f"kind-{name}" for name in NAMES]
