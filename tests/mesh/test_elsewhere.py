"""Cilium in another namespace than kube-system, and people who may see but a part of a cluster."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from meshtui.cilium.place import namespace_of
from meshtui.core.errors import Forbidden, NotFound
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from meshtui.kube.api import Api
from meshtui.mesh.flows.relays import reach
from meshtui.mesh.flows.relaytls import RelayFlags
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from tests.kube.fake import TOKEN, failure, serving
from tests.mesh.conftest import FAST
from tests.mesh.waiting import until
from tests.replay.cluster import RecordedApi, recorded
from tests.waiting import GUARD

NEW = "networking"
_MOVED = ("cilium", "hubble", "clustermesh")


class Elsewhere(RecordedApi):
    """A recorded cluster whose Cilium was installed somewhere else."""

    allowed: frozenset[str] | None = None
    """Namespaces that may be seen; None: all."""

    def __post_init__(self) -> None:
        for kind in ("pods", "services", "endpointslices", "deployments", "daemonsets"):
            for item in self.files[kind]["items"]:
                meta = item["metadata"]
                if meta["namespace"] == "kube-system" and meta["name"].split("-")[0] in _MOVED:
                    meta["namespace"] = NEW
                    if kind == "services" and meta["name"] == "hubble-relay":
                        for port in item["spec"]["ports"]:
                            port.pop("nodePort", None)
        super().__post_init__()
        self.objects[r.CONFIGMAPS.path(NEW, "cilium-config")] = self.objects.pop(
            r.CONFIGMAPS.path("kube-system", "cilium-config")
        )
        for item in self.files["daemonsets"]["items"]:
            self.objects[r.DAEMONSETS.path(item["metadata"]["namespace"], item["metadata"]["name"])] = item

    def _answer(self, request: web.Request) -> web.Response:
        parts = request.path.split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-1] else ""
        reviewed = "selfsubjectaccessreviews" in parts or request.path == "/version"
        if self.allowed is not None and namespace not in self.allowed and not reviewed:
            return web.json_response(failure(403, "Forbidden", f'"{parts[-1]}" is forbidden: no'), status=403)
        for kind in ("pods", "services", "endpointslices", "deployments", "daemonsets"):
            resource = next(each for each in r.WATCHED if each.plural == kind)
            if namespace and request.path == resource.path(namespace):
                wanted = dict([request.query["labelSelector"].split("=")]) if "labelSelector" in request.query else {}
                items = [
                    item
                    for item in self.files[kind]["items"]
                    if item["metadata"]["namespace"] == namespace
                    and wanted.items() <= item["metadata"].get("labels", {}).items()
                ]
                return web.json_response({**self.files[kind], "items": items})
        return super()._answer(request)


@pytest.fixture
async def moved() -> AsyncIterator[Elsewhere]:
    async with serving(Elsewhere(files=copy.deepcopy(recorded("4-global")["koornacht"]))) as api:
        yield api


@asynccontextmanager
async def connected(fake: Elsewhere, folder: Path) -> AsyncIterator[Api]:
    async with await Api.connect("k", fake.kubeconfig(folder), {}, request_timeout=5) as api:
        yield api


async def test_it_is_found_wherever_it_is(moved, tmp_path):
    async with connected(moved, tmp_path) as api:
        assert await namespace_of(api) == NEW
        before = len(moved.requests)
        assert await namespace_of(api) == NEW
        assert len(moved.requests) == before  # asked for once


async def test_who_may_not_list_all_namespaces_finds_it_by_name_or_is_told_what_is_missing(moved, tmp_path):
    moved.allowed = frozenset({NEW})
    async with connected(moved, tmp_path) as api:
        assert await namespace_of(api, [NEW]) == NEW
    moved.allowed = frozenset({"default"})
    async with connected(moved, tmp_path) as api:
        with pytest.raises(Forbidden) as caught:
            await namespace_of(api, ["default"])
    assert "can-i get configmaps -n kube-system" in caught.value.hint


async def test_a_cluster_without_it_says_so(moved, tmp_path):
    moved.objects.pop(r.CONFIGMAPS.path(NEW, "cilium-config"))
    moved.lists[r.DAEMONSETS.path()] = {"items": []}
    async with connected(moved, tmp_path) as api:
        with pytest.raises(NotFound, match="has no Cilium") as caught:
            await namespace_of(api)
    assert "no namespace has its agents" in caught.value.cause


async def test_everything_that_is_asked_of_cilium_is_asked_there(moved, tmp_path):
    """Configuration, agents, KVStoreMesh, Relay; not one question goes to kube-system for them."""
    settings = Settings(kubeconfig=moved.kubeconfig(tmp_path), state_directory=tmp_path / "state", request_timeout=5)
    async with Session(choose(settings, {}), settings, pace=FAST, scope=Scope(access=False)) as session:
        cluster = session.mesh.clusters["k"]
        await until(session, lambda: cluster.config and cluster.agents and cluster.kvstoremesh)
        assert cluster.config is not None
        assert (cluster.config.name, cluster.config.namespace) == ("koornacht", NEW)
        assert cluster.config_error is None
        await until(session, lambda: any("portforward" in q.path for q in moved.requests))
    there = [q.path for q in moved.requests if "/exec" in q.path or "portforward" in q.path or "hubble-relay" in q.path]
    assert there
    assert not [path for path in there if f"/namespaces/{NEW}/" not in path]
    async with connected(moved, tmp_path) as api:
        for service in moved.files["services"]["items"]:
            if service["metadata"]["name"] == "hubble-relay":
                moved.objects.pop(r.SERVICES.path(NEW, "hubble-relay"))
        with pytest.raises(Exception, match="no Hubble Relay") as caught:
            async with reach(api, RelayFlags()):
                pass
        assert f"no Service {NEW}/hubble-relay" in str(caught.value)


async def test_a_person_of_one_namespace_sees_it_and_no_failure_of_the_others(moved, tmp_path):
    moved.allowed = frozenset({"default"})
    settings = Settings(kubeconfig=moved.kubeconfig(tmp_path), request_timeout=5, namespaces=("default",))
    scope = Scope((r.SERVICES, r.ENDPOINTSLICES, r.PODS, r.NODES), status=False, access=False, flows=False)
    async with Session(choose(settings, {}), settings, pace=FAST, scope=scope) as session:
        assert await session.settled(GUARD)
        cluster = session.mesh.clusters["k"]
        assert "default/rebel-base" in cluster.services
        assert {cluster.watches[x].phase for x in (r.SERVICES, r.ENDPOINTSLICES, r.PODS)} == {s.Phase.LIVE}
        assert isinstance(cluster.watches[r.NODES].error, Forbidden)
        assert isinstance(cluster.config_error, Forbidden)


async def test_the_contexts_own_namespaces_are_the_default(tmp_path):
    """One of two contexts is about another namespace: both are shown, each may be closed in the other cluster."""
    async with AsyncExitStack() as stack:
        apis = {
            name: await stack.enter_async_context(serving(Elsewhere(files=copy.deepcopy(files))))
            for name, files in recorded("4-global").items()
        }
        document: dict[str, Any] = {"clusters": [], "contexts": [], "users": [{"name": "u", "user": {"token": TOKEN}}]}
        for name, fake in apis.items():
            fake.authority.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
            cluster = {"server": fake.server, "certificate-authority": f"{name}.pem"}
            document["clusters"].append({"name": name, "cluster": cluster})
            context = {"cluster": name, "user": "u", "namespace": "default" if name == "tion" else NEW}
            document["contexts"].append({"name": name, "context": context})
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump(document))
        apis["tion"].allowed = frozenset({"default"})
        settings = Settings(kubeconfig=path, request_timeout=5)
        scope = Scope((r.SERVICES,), status=False, access=False, flows=False)
        async with Session(choose(settings, {}), settings, pace=FAST, scope=scope) as session:
            assert await session.settled(GUARD)
            assert session.settings.namespaces == (NEW, "default")
            assert {c.watches[r.SERVICES].phase for c in session.mesh.clusters.values()} == {s.Phase.LIVE}
            assert "default/rebel-base" in session.mesh.clusters["tion"].services
            with pytest.raises(Exception, match="different namespaces"):
                _ = session.home
            manifest = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "p"}}
            plan = session.plan_apply(list(session.mesh.clusters), [manifest])
            assert [step.key for step in plan.steps] == [f"{NEW}/p", "default/p"]
        whole = Settings(kubeconfig=path, request_timeout=5, all_namespaces=True)
        async with Session(choose(whole, {}), whole, pace=FAST, scope=scope) as session:
            await session.settled(GUARD)
            assert "kube-system/kube-dns" in session.mesh.clusters["koornacht"].services
