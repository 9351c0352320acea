"""How a dashboard begins: with a session, with a way to make one, or with an embedded mesh started for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from meshtui.core.clock import Clock
from meshtui.core.settings import Settings
from meshtui.mesh import collector
from meshtui.tui.ports import Opening, Report, SessionPort


def opening(
    make_session: Callable[..., Awaitable[SessionPort] | SessionPort] | SessionPort,
    demo: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
    began: Callable[[Any], None] | None = None,
) -> Opening:
    """An `Opening` from what the command line has; with `demo`, `make_session`, and `began`, get what it yields."""

    async def go(report: Report, stack: AsyncExitStack) -> SessionPort:
        arguments = []
        if demo is not None:
            report("starting the embedded mesh")
            arguments.append(await stack.enter_async_context(demo()))
            if began is not None:
                began(*arguments)
        report("reading the kubeconfig")
        if not callable(make_session):
            return make_session
        made = make_session(*arguments)
        return await made if isinstance(made, Awaitable) else made

    return go


def run_dashboard(
    make_session: Callable[..., Awaitable[SessionPort] | SessionPort] | SessionPort,
    settings: Settings,
    *,
    demo: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
    clock: Clock | None = None,
    tour: bool = False,
    of_contexts: Callable[[tuple[str, ...]], Callable[[], SessionPort]] | None = None,
) -> int:
    """Show the dashboard until it is quit; returns the exit code.

    `make_session` is a session, or makes one (it may be async) and is called after the first paint. `demo` makes
    an async context manager, for instance `sim.launch(options)`; it is entered after the first paint too, left
    when the dashboard ends, and what it yields is given to `make_session`. `tour`: begin with the lab's tour open.
    `of_contexts` makes a `make_session` of contexts that a person chose where there are too many to show unasked.
    """
    from meshtui.tui.app import MeshtuiApp

    collector.hand_back()

    def began(running: Any) -> None:
        app.control = running.control

    app = MeshtuiApp(opening(make_session, demo, began), settings, clock)
    app.tour = tour
    if of_contexts is not None:
        app.reopening = lambda contexts: opening(of_contexts(contexts))
    result = app.run(mouse=settings.mouse)
    if app.broken is not None:
        raise app.broken
    return result if result is not None else app.return_code or 0
