"""The same code against the embedded mesh: list and watch, change, exec, port-forward."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections.abc import AsyncIterator

import pytest
import yaml

from meshtui.core.errors import Conflict, Forbidden, NotFound, Unauthorized
from meshtui.core.model import resources as r
from meshtui.core.model.state import Changed, Listed, Phase, WatchChanged
from meshtui.kube.api import Api
from meshtui.kube.clock import SystemClock
from meshtui.kube.contexts import list_contexts
from meshtui.kube.exec import run
from meshtui.kube.portforward import forward, resolve_service_pod
from meshtui.kube.watch import follow
from meshtui.sim import SimOptions, launch
from tests.waiting import until

GLOBAL = "service.cilium.io/global"


@pytest.fixture
async def mesh() -> AsyncIterator[tuple[Api, Api]]:
    async with launch(SimOptions()) as running, contextlib.AsyncExitStack() as stack:
        contexts, _ = list_contexts(running.kubeconfig, {})
        assert [context.name for context in contexts] == running.contexts
        assert all(context.local for context in contexts)
        apis = [
            await stack.enter_async_context(
                await Api.connect(context, running.kubeconfig, os.environ, request_timeout=10)
            )
            for context in contexts
        ]
        yield apis[0], apis[1]


async def test_a_day_with_the_api_server(mesh):
    api, _ = mesh
    assert await api.version() == "1.36.2"
    events = []
    tasks = [
        asyncio.create_task(follow(api, resource, events.append, clock=SystemClock(), rng=random.Random(1)))
        for resource in r.WATCHED
    ]
    try:
        await until(lambda: len([e for e in events if isinstance(e, Listed)]) == len(r.WATCHED))
        phases = {e.resource.plural: e.phase for e in events if isinstance(e, WatchChanged)}
        assert set(phases.values()) == {Phase.LIVE}
        services = next(e.items for e in events if isinstance(e, Listed) and e.resource is r.SERVICES)
        before = services["default/rebel-base"]
        patch = {"metadata": {"annotations": {GLOBAL: "true"}}}
        version = before.metadata.resource_version
        await api.patch(r.SERVICES, "rebel-base", "default", patch, resource_version=version)
        seen = await until(lambda: [e for e in events if isinstance(e, Changed) and "default/rebel-base" in e.items])
        assert seen[-1].items["default/rebel-base"].annotations[GLOBAL] == "true"
        with pytest.raises(Conflict):
            await api.patch(r.SERVICES, "rebel-base", "default", patch, resource_version=version)
        manifest = {
            "metadata": {"name": "default-deny", "namespace": "default"},
            "spec": {"endpointSelector": {}, "ingress": [{}], "egress": [{}]},
        }
        await api.apply(r.CNPS, manifest)
        await until(lambda: [e for e in events if isinstance(e, Changed) and "default/default-deny" in e.items])
        await api.delete(r.CNPS, "default-deny", "default")
        with pytest.raises(NotFound):
            await api.get(r.CNPS, "default-deny", "default")
        assert await api.allowed("patch", r.SERVICES, "default") is True
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_exec_and_port_forward(mesh):
    import grpc

    for api in mesh:
        pods, _ = await api.list_all(r.PODS, "default", label_selector="name=x-wing")
        result = await run(api, "default", next(iter(pods.values())).name, ["sh", "-c", "curl -s rebel-base; exit 3"])
        assert json.loads(result.stdout)["Cluster"].lower() == api.context
        assert result.exit_code == 3
        pod, port = await resolve_service_pod(api, "kube-system", "hubble-relay", 80)

        def ask(target: str) -> bytes:
            options = [("grpc.default_authority", "localhost")]
            with grpc.insecure_channel(target, options=options) as channel:
                return channel.unary_unary("/observer.Observer/ServerStatus")(b"", timeout=10)

        async with forward(api, "kube-system", pod, port) as target:
            assert b"hubble-relay" in await asyncio.to_thread(ask, target)


async def test_nothing_without_credentials(tmp_path):
    async with launch(SimOptions()) as running:
        document = yaml.safe_load(running.kubeconfig.read_text())
        document["users"] = [{**user, "user": {}} for user in document["users"]]
        path = tmp_path / "anonymous"
        path.write_text(yaml.safe_dump(document))
        async with await Api.connect(running.contexts[0], path, os.environ, request_timeout=10) as api:
            with pytest.raises((Unauthorized, Forbidden)):
                await api.list_all(r.NODES)
            with pytest.raises((Unauthorized, Forbidden)):
                await run(api, "default", "x-wing", ["true"])
