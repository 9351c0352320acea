"""Programs of Cilium's own containers: cilium-dbg, cilium-health, hubble, clustermesh-apiserver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshtui.sim.shell.process import Shell

TOOLS: dict[str, Callable[[Shell, list[str]], Awaitable[int]]] = {}
