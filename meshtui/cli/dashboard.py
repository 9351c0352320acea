"""`meshtui` and `meshtui demo`: the dashboard on the kubeconfig's clusters, or on the embedded mesh."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from meshtui.cli.config import settings_of
from meshtui.core.settings import Settings


def main(arguments: Any) -> int:
    """Show the dashboard until it is quit."""
    settings = settings_of(vars(arguments), os.environ)
    from meshtui.tui import run_dashboard

    if arguments.verb == "demo":
        return run_dashboard(lambda running: _on_demo(running, settings), settings, demo=_demo(arguments))
    return run_dashboard(lambda: _session(settings), settings)


def _demo(arguments: Any) -> Any:
    """What starts the embedded mesh when the dashboard asks for it."""
    from meshtui.cli.simulate import options_of

    options = options_of(arguments)

    def start() -> AbstractAsyncContextManager[Any]:
        from meshtui.sim import launch

        return launch(options)

    return start


def _on_demo(running: Any, settings: Settings) -> Any:
    """A session on the embedded mesh: its kubeconfig, its contexts, and Relays by port-forward like anywhere else."""
    ours = replace(settings, kubeconfig=running.kubeconfig, contexts=tuple(running.contexts))
    return _session(ours)


def _session(settings: Settings) -> Any:
    from meshtui.mesh.session import Session
    from meshtui.mesh.targets import choose

    return Session(choose(settings, os.environ), settings)
