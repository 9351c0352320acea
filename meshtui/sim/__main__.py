"""`python -m meshtui.sim OPTIONS-AS-JSON`: what `launch` starts."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec

from meshtui.core.errors import MeshtuiError
from meshtui.sim.options import SimOptions
from meshtui.sim.serve import serve


def _say(ready: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until interrupted."""
    text = sys.argv[1] if len(sys.argv) > 1 else "{}"
    options = msgspec.json.decode(text, type=SimOptions, dec_hook=lambda kind, value: kind(value))
    try:
        asyncio.run(serve(options, _say))
    except MeshtuiError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
