"""`meshtui simulate`: serve the embedded mesh until interrupted."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from meshtui.core.errors import Exit, UsageError
from meshtui.sim import SimOptions


def options_of(arguments: Any) -> SimOptions:
    """The simulator's options of a parsed command line. Raises UsageError for a state or version that is not known."""
    check_state(arguments.state)
    try:
        return SimOptions(
            state=arguments.state,
            seed=arguments.seed,
            clusters=arguments.clusters,
            nodes=arguments.nodes,
            services=arguments.services,
            flow_rate=arguments.flow_rate,
            cilium_version=arguments.cilium_version,
            directory=Path(arguments.directory) if arguments.directory else None,
        )
    except ValueError as wrong:
        raise UsageError(str(wrong)) from None


def check_state(name: str) -> None:
    """Raise UsageError for a state that does not exist; without one the mesh is as it is by default."""
    from meshtui.lab.steps import STATES

    if name and name not in STATES:
        raise UsageError(f"there is no state {name!r}", hint=f"states: {', '.join(STATES)}")


def _ready(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main(arguments: Any) -> int:
    """Serve; the JSON line says where."""
    options = options_of(arguments)
    from meshtui.sim.serve import serve

    asyncio.run(serve(options, _ready))
    return Exit.OK
