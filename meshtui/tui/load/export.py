"""Writes load tests as JSON files where meshtui was started."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meshtui.core.errors import MeshtuiError
from meshtui.core.load.run import Run
from meshtui.tui.board import Board


async def export(board: Board, runs: Sequence[Run]) -> None:
    """One new file for all of them; says where it is."""
    moment = datetime.fromtimestamp(board.clock.now(), UTC)
    path = Path.cwd() / f"meshtui-load-{moment:%Y%m%dT%H%M%S}.json"
    documents = [run.document() for run in runs]
    try:
        await asyncio.to_thread(_write, path, documents)
    except OSError as error:
        cause = f"{path}: {error.strerror or error}"
        board.tell(
            MeshtuiError("the runs could not be exported", cause=cause, hint="start meshtui where you may write")
        )
        return
    board.say(f"exported to {path}")


def _write(path: Path, documents: list[dict[str, Any]]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(documents, file, indent=2)
        file.write("\n")
