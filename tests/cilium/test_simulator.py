"""Cilium's own view of the embedded mesh."""

from __future__ import annotations

import os

import pytest

from meshtui.cilium.agents import read_agent, read_both, read_health
from meshtui.cilium.config import read_config
from meshtui.core.errors import NotFound
from meshtui.core.model.resources import PODS
from meshtui.kube.api import Api
from meshtui.sim import SimOptions, launch


async def test_names_ids_and_version():
    async with launch(SimOptions(cilium_version="1.19")) as running:
        for index, context in enumerate(running.contexts, 1):
            async with await Api.connect(context, running.kubeconfig, os.environ, request_timeout=10) as api:
                config = await read_config(api)
            assert (config.name, config.id, config.version) == (context, index, (1, 19))


async def test_a_cluster_without_cilium():
    async with launch(SimOptions(state="no-cni")) as running:
        context = running.contexts[0]
        async with await Api.connect(context, running.kubeconfig, os.environ, request_timeout=10) as api:
            with pytest.raises(NotFound, match="has no Cilium"):
                await read_config(api)


async def test_an_agent_tells_all_it_knows_in_one_command() -> None:
    async with (
        launch(SimOptions(state="deployed")) as running,
        await Api.connect(running.contexts[0], running.kubeconfig, os.environ, request_timeout=10) as api,
    ):
        pods, _ = await api.list_all(PODS, "kube-system", label_selector="k8s-app=cilium")
        pod = next(iter(pods.values()))
        status, report = await read_both(api, pod)
        assert status is not None
        assert report is not None
        named = [remote.name for remote in status.remotes]
        assert named
        assert named == [remote.name for remote in (await read_agent(api, pod)).remotes]
        assert [n.name for n in report.nodes] == [n.name for n in (await read_health(api, pod)).nodes]
