"""Trouble on demand, from outside: what can be broken, what is, break it, mend it, through the control URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from meshtui.core.errors import MeshtuiError

TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of trouble."""

    name: str
    about: str
    """What it does, in one sentence."""
    takes: tuple[str, ...] = ()
    """Names of its parameters; without `cluster`, `between` or `node` it is about all of them."""
    offers: tuple[dict[str, Any], ...] = ({},)
    """Parameters worth trying."""


class _Kinds(msgspec.Struct):
    kinds: tuple[FaultKind, ...]
    clusters: tuple[str, ...]


class _Faults(msgspec.Struct):
    faults: tuple[dict[str, Any], ...]


class Trouble:
    """The faults of a mesh that is being served; `control` is `Running.control`. Every call may raise MeshtuiError."""

    def __init__(self, control: str) -> None:
        self._control = control

    async def kinds(self) -> tuple[FaultKind, ...]:
        """Every kind there is."""
        return msgspec.json.decode(await self._ask("GET", "/kinds"), type=_Kinds).kinds

    async def clusters(self) -> tuple[str, ...]:
        """Names that `cluster` and `between` take."""
        return msgspec.json.decode(await self._ask("GET", "/kinds"), type=_Kinds).clusters

    async def active(self) -> tuple[dict[str, Any], ...]:
        """What is broken, oldest first, as `apply` takes it."""
        return _faults(await self._ask("GET", "/faults"))

    async def apply(self, fault: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Break something, `{"fault": NAME, PARAMETER: VALUE, …}`; returns what is broken then."""
        return _faults(await self._ask("POST", "/faults", dict(fault)))

    async def heal(self, name: str = "") -> tuple[dict[str, Any], ...]:
        """Mend every fault of that name, or all; returns what is still broken."""
        return _faults(await self._ask("DELETE", f"/faults/{name}" if name else "/faults"))

    async def stage(self, name: str) -> None:
        """Move the mesh to a step of its building: `no-cni`, `cilium`, `hubble`, `mesh-enabled`, `connected` …"""
        await self._ask("POST", "/stage", {"stage": name})

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
                answer = await client.request(method, self._control + path, json=body)
        except httpx.HTTPError as error:
            # The URL holds the token and is not repeated.
            raise MeshtuiError("The embedded mesh does not answer", cause=type(error).__name__) from None
        if answer.is_error:
            raise MeshtuiError("The embedded mesh refused", cause=answer.text.strip() or f"HTTP {answer.status_code}")
        return answer.content


def _faults(body: bytes) -> tuple[dict[str, Any], ...]:
    return msgspec.json.decode(body, type=_Faults).faults


def fault_words(fault: Mapping[str, Any]) -> str:
    """A fault on one line: `link-slow between koornacht and tion, ms 100`."""
    told = []
    for key, value in fault.items():
        if key != "fault":
            told.append(f"{key} {' and '.join(value) if isinstance(value, list | tuple) else _plain(value)}")
    return f"{fault['fault']} {', '.join(told)}".strip()


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
