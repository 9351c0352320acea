"""`meshtui` and `meshtui demo`: the dashboard on the kubeconfig's clusters, or on the embedded mesh."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from meshtui.cli.config import settings_of
from meshtui.core.errors import UsageError
from meshtui.core.settings import Settings


def main(arguments: Any) -> int:
    """Show the dashboard until it is quit."""
    settings = settings_of(vars(arguments), os.environ)
    from meshtui.tui import run_dashboard

    record, replay = getattr(arguments, "record", None), getattr(arguments, "replay", None)
    if record and replay:
        raise UsageError("--record and --replay cannot be combined", hint="a replayed file is recorded already")
    tour = getattr(arguments, "tour", False)
    if replay:
        return run_dashboard(lambda: _replay(Path(replay), settings), settings)
    if arguments.verb == "demo":
        return run_dashboard(
            lambda running: _on_demo(running, settings, record), settings, demo=_demo(arguments), tour=tour
        )

    def of_contexts(contexts: tuple[str, ...]) -> Callable[[], Any]:
        return lambda: _session(replace(settings, contexts=contexts), record)

    return run_dashboard(lambda: _session(settings, record), settings, tour=tour, of_contexts=of_contexts)


async def _replay(path: Path, settings: Settings) -> Any:
    """Flows of a file: its clusters' names are read before the first flow is shown, in a thread."""
    import asyncio

    from meshtui.mesh.flows.replay import Replay

    return await asyncio.to_thread(Replay, path, settings)


def _demo(arguments: Any) -> Any:
    """What starts the embedded mesh when the dashboard asks for it."""
    from meshtui.cli.simulate import options_of

    options = options_of(arguments)

    def start() -> AbstractAsyncContextManager[Any]:
        from meshtui.sim import launch

        return launch(options)

    return start


def _on_demo(running: Any, settings: Settings, record: str | None) -> Any:
    """A session on the embedded mesh: its kubeconfig, its contexts, and Relays by port-forward like anywhere else."""
    ours = replace(settings, kubeconfig=running.kubeconfig, contexts=tuple(running.contexts))
    return _session(ours, record)


def _session(settings: Settings, record: str | None) -> Any:
    from meshtui.mesh.session import Session
    from meshtui.mesh.targets import choose

    session = Session(choose(settings, os.environ), settings)
    if record:
        session.record(Path(record))
    return session
