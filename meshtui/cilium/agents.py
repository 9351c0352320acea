"""What one agent says: its status, cilium-health's probes, the services its datapath really has."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from meshtui.core.errors import ExecFailed
from meshtui.core.model.ciliumstatus import AgentStatus, RealisedBackend, RealisedService
from meshtui.core.model.objects import Pod
from meshtui.core.model.probes import HealthReport, parse_health
from meshtui.core.text import clean
from meshtui.kube import exec as kube_exec
from meshtui.kube.api import Api

CONTAINER = "cilium-agent"
_MARK = b"\nmeshtui-"
_BOTH = r"cilium-dbg status -o json; printf '\nmeshtui-%s\n' $?; cilium-health status -o json"
"""Each program writes one document; what ends the first tells how it ended."""
_MISSING = ("executable file not found", "no such file or directory")


async def read_agent(api: Api, pod: Pod) -> AgentStatus:
    """`cilium-dbg status -o json`; raises ExecFailed and what exec raises."""
    body = await ask(api, pod, ("status", "-o", "json"))
    status: AgentStatus = decode(api, pod, body, AgentStatus)
    return status


async def read_health(api: Api, pod: Pod) -> HealthReport:
    """`cilium-health status -o json`: the one source that notices a dead link between clusters."""
    body = await _output(api, pod, ("cilium-health", "status", "-o", "json"), CONTAINER)
    return parse_health(decode(api, pod, body, dict[str, Any]))


async def read_both(api: Api, pod: Pod) -> tuple[AgentStatus | None, HealthReport | None]:
    """What `read_agent` and `read_health` read, in one command; None for what must be asked by itself to learn why not.

    Raises what exec raises, TimedOut among it.
    """
    try:
        result = await kube_exec.run(api, pod.namespace, pod.name, ("sh", "-c", _BOTH), container=CONTAINER)
    except ExecFailed:  # no shell there
        return None, None
    said, _, rest = result.stdout.partition(_MARK)
    code, _, probes = rest.partition(b"\n")
    status: AgentStatus | None = None
    report: HealthReport | None = None
    with contextlib.suppress(ExecFailed):
        status = decode(api, pod, said, AgentStatus) if code == b"0" else None
        report = parse_health(decode(api, pod, probes, dict[str, Any])) if not result.exit_code else None
    return status, report


async def read_services(api: Api, pod: Pod) -> list[RealisedService]:
    """`cilium-dbg service list -o json`: frontends and the backends selected for them on that node."""
    body = await ask(api, pod, ("service", "list", "-o", "json"))
    found = [_service(entry) for entry in decode(api, pod, body, list[_Entry] | None) or ()]
    return [service for service in found if service is not None]


async def ask(api: Api, pod: Pod, arguments: Sequence[str]) -> bytes:
    """What cilium-dbg prints, or `cilium` where the agent is older than 1.15 and has only that."""
    try:
        return await _output(api, pod, ("cilium-dbg", *arguments), CONTAINER)
    except ExecFailed as error:
        if not any(word in error.cause for word in _MISSING):
            raise
    return await _output(api, pod, ("cilium", *arguments), CONTAINER)


async def _output(api: Api, pod: Pod, command: Sequence[str], container: str) -> bytes:
    result = await kube_exec.run(api, pod.namespace, pod.name, command, container=container)
    if result.exit_code:
        words = result.stderr.decode("utf-8", "replace").strip() or f"exit code {result.exit_code}"
        raise _failed(api, pod, clean(f"{' '.join(command)}: {words}", 400))
    return result.stdout


def decode(api: Api, pod: Pod, body: bytes, kind: Any) -> Any:
    """An answer in JSON. Raises ExecFailed where it cannot be read."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise _failed(api, pod, clean(f"its answer cannot be read: {error}")) from None


def _failed(api: Api, pod: Pod, cause: str) -> ExecFailed:
    return ExecFailed(
        clean(f"{api.context}: no status from {pod.name}"),
        context=api.context,
        verb="create",
        resource="pods/exec",
        cause=cause,
        hint=clean(f"kubectl --context {api.context} -n {pod.namespace} logs {pod.name} --tail 20"),
    )


class _Address(msgspec.Struct, rename="camel"):
    ip: str = ""
    port: int = 0
    protocol: str = ""
    state: str = ""
    node_name: str = ""
    preferred: bool = False


class _Flags(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    type: str = ""


class _Realised(msgspec.Struct, rename="kebab"):
    frontend_address: _Address = msgspec.field(default_factory=_Address)
    backend_addresses: list[_Address] | None = None
    flags: _Flags = msgspec.field(default_factory=_Flags)


class _Status(msgspec.Struct):
    realized: _Realised | None = None


class _Entry(msgspec.Struct):
    status: _Status | None = None
    spec: _Realised | None = None


def _service(entry: _Entry) -> RealisedService | None:
    """`status.realized` is what the datapath has, `spec` what was wanted."""
    realised = (entry.status.realized if entry.status else None) or entry.spec
    if realised is None:
        return None
    front = realised.frontend_address
    return RealisedService(
        namespace=realised.flags.namespace,
        name=realised.flags.name,
        type=realised.flags.type,
        ip=front.ip,
        port=front.port,
        protocol=front.protocol,
        backends=tuple(
            RealisedBackend(each.ip, each.port, each.state or "active", each.node_name, each.preferred)
            for each in realised.backend_addresses or ()
        ),
    )
