"""The programs of simulated containers, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshtui.sim.shell.process import Shell
from meshtui.sim.shell.tools import agents, curl, names, system, text, wget

Tool = Callable[[Shell, list[str]], Awaitable[int]]

TOOLS: dict[str, Tool] = {
    **text.TOOLS,
    **system.TOOLS,
    **names.TOOLS,
    **agents.TOOLS,
    "curl": curl.curl,
    "wget": wget.wget,
}
