"""Serve a whole simulated mesh in one process until interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import ssl
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from meshtui.core.errors import UsageError
from meshtui.sim import ciliumca, kubeconfig, logs, stages
from meshtui.sim.api.auth import Tokens, admin
from meshtui.sim.api.registry import BY_KIND
from meshtui.sim.api.server import ApiServer
from meshtui.sim.certs import Authority
from meshtui.sim.control import Control
from meshtui.sim.faults.inject import inject
from meshtui.sim.kubeconfig import Access
from meshtui.sim.options import SimOptions
from meshtui.sim.relay import serving
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster, World

LOOPBACK = "127.0.0.1"
SWITCH_SECONDS = 0.0005


async def serve(options: SimOptions, ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGINT, SIGTERM or (when launched) the parent's end; `ready` gets the JSON line's content."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.follow_parent:
        loop.add_reader(sys.stdin.fileno(), _on_input, loop, stop)
    # Thousands of objects that stay are made here; looking through them for garbage would take most of the time.
    gc.disable()
    # Relays' thread waits for the interpreter at every message: short turns nearly double the flows it sends.
    sys.setswitchinterval(SWITCH_SECONDS)
    async with Mesh(options) as mesh:
        gc.freeze()
        gc.enable()
        ready(mesh.ready())
        await stop.wait()


def _on_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """The parent writes nothing: what arrives is its end."""
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()


class Mesh:
    """A world with its servers running, for the length of an `async with`."""

    def __init__(self, options: SimOptions, world: World | None = None) -> None:
        self.world = world or World(options)
        self._options = options
        self._stack = contextlib.AsyncExitStack()
        self._tokens: dict[str, Tokens] = {}
        self._access: list[Access] = []
        self._control = ""
        self._authorities: dict[str, str] = {}
        self._controllers: dict[str, contextlib.AsyncExitStack] = {}
        self.kubeconfig = Path()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def ready(self) -> dict[str, Any]:
        """What `meshtui simulate` prints."""
        return {
            "kubeconfig": str(self.kubeconfig),
            "contexts": list(self.world.clusters),
            "relays": {name: f"{LOOPBACK}:{c.relay_port}" for name, c in self.world.clusters.items() if c.relay_port},
            "control": self._control,
        }

    async def _start(self) -> None:
        directory = self._directory()
        try:
            for cluster in self.world.clusters.values():
                populate(cluster)
        except ValueError as error:
            raise UsageError("The embedded mesh cannot be made so", cause=str(error)) from None
        for cluster in self.world.clusters.values():
            await self._start_cluster(cluster, directory)
        ciliumca.bundle(self.world)
        token = secrets.token_urlsafe(24)
        control = Control(self.world, token, self._tokens, self.move)
        port = await self._listen(control.application(), None)
        self._control = f"http://{LOOPBACK}:{port}/{token}"
        self.kubeconfig = kubeconfig.write(directory / "kubeconfig", self._access)
        self._stack.callback(self.kubeconfig.unlink, missing_ok=True)
        _initial_faults(self.world, self._options.state)

    async def _start_cluster(self, cluster: SimCluster, directory: Path) -> None:
        tokens = self._tokens.setdefault(cluster.name, Tokens())
        authority = Authority(cluster.name)
        self._authorities[cluster.name] = authority.pem.decode()
        self._stack.push_async_callback(self._stop_controllers, cluster)
        await self._start_controllers(cluster)
        ciliumca.furnish(cluster)
        logs.book(cluster)
        self._stack.callback(serving.stop, cluster)
        cluster.relay_port = serving.start(cluster.world, cluster)
        port = await self._listen(ApiServer(cluster, tokens).application(), authority.server_context(directory))
        server = f"https://{LOOPBACK}:{port}"
        # Clusters take turns, so that both ways of proving who one is are in daily use.
        if cluster.index % 2:
            access = Access(cluster.name, server, authority.pem, token=tokens.issue(admin()))
        else:
            certificate = authority.client("kubernetes-admin", "system:masters")
            access = Access(cluster.name, server, authority.pem, certificate)
        self._access.append(access)

    async def _start_controllers(self, cluster: SimCluster) -> None:
        from meshtui.sim import controllers
        from meshtui.sim.operator.running import Operator

        running = contextlib.AsyncExitStack()
        loop = await running.enter_async_context(controllers.running(cluster, self._authorities[cluster.name]))
        loop.spawn(Operator(loop).run())
        self._controllers[cluster.name] = running

    async def _stop_controllers(self, cluster: SimCluster) -> None:
        running = self._controllers.pop(cluster.name, None)
        if running is not None:
            await running.aclose()

    async def move(self, stage: str) -> None:
        """Move every cluster to a stage of building the mesh, whatever it is at. Raises ValueError on an unknown one.

        Objects keep their names and uids where both stages have them, and watches see each change.
        """
        wanted = {c: stages.objects(self._options, c.name, c.id, stage) for c in self.world.clusters.values()}
        for cluster, objects in wanted.items():
            await self._stop_controllers(cluster)
            serving.stop(cluster)
            stages.put(cluster.store, objects)
            ciliumca.furnish(cluster)
            cluster.rings.clear()
        ciliumca.bundle(self.world)
        for cluster in wanted:
            await self._start_controllers(cluster)
            serving.start(self.world, cluster)

    async def _listen(self, app: web.Application, tls: ssl.SSLContext | None) -> int:
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, LOOPBACK, 0, ssl_context=tls, backlog=512)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    def _directory(self) -> Path:
        if self._options.directory is not None:
            self._options.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._options.directory
        made = tempfile.TemporaryDirectory(prefix="meshtui-sim-")
        self._stack.callback(made.cleanup)
        return Path(made.name)


def populate(cluster: SimCluster) -> None:
    """Put the state's initial objects in the store."""
    from meshtui.sim import seed

    by_resource: dict[tuple[str, str], list[Object]] = {}
    for obj in seed.objects(cluster.world.options, cluster.name, cluster.id):
        resource = BY_KIND.get((obj["apiVersion"], obj["kind"]))
        if resource is None:
            raise ValueError(f"seeded object of unknown kind {obj['apiVersion']} {obj['kind']}")
        by_resource.setdefault(resource.gvr, []).append(obj)
    for gvr, objects in by_resource.items():
        cluster.store.load(gvr, objects)


def _initial_faults(world: World, state: str) -> None:
    from meshtui.sim import seed

    for fault in seed.initial_faults(state):
        inject(world, fault, ago=seed.CUT_AGO)
