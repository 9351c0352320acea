"""Everything that may be wrong with one cluster of three: a sentence, a next step, and the other two live on."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from meshtui.core.errors import (
    CertificateRejected,
    ConfigError,
    Forbidden,
    MeshtuiError,
    RelayAbsent,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from tests.kube.fake import TOKEN, failure, server_tls, serving
from tests.mesh.conftest import FAST, NewLab
from tests.mesh.waiting import until
from tests.replay.cluster import RecordedApi, recorded
from tests.waiting import GUARD

REQUEST_TIMEOUT = 2.0
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
NAMES = ("koornacht", "tion", "naboo")


@dataclass
class Ruin:
    """What is wrong with naboo, and how to put it right again while the session runs."""

    api: RecordedApi = field(default_factory=lambda: RecordedApi(files=recorded("3-deployed")["tion"]))
    tls: Callable[[RecordedApi], Any] = lambda api: None
    user: dict[str, Any] = field(default_factory=lambda: {"token": TOKEN})
    server: str = ""


def entry(name: str, api: RecordedApi, ruin: Ruin | None) -> dict[str, dict[str, Any]]:
    authority = base64.b64encode(api.authority.cert_pem.bytes()).decode()
    server = ruin.server if ruin and ruin.server else api.server
    return {
        "clusters": {"name": name, "cluster": {"server": server, "certificate-authority-data": authority}},
        "users": {"name": name, "user": ruin.user if ruin else {"token": TOKEN}},
        "contexts": {"name": name, "context": {"cluster": name, "user": name}},
    }


@asynccontextmanager
async def three(folder: Path, ruin: Ruin) -> AsyncIterator[Session]:
    """A settled session on three clusters, the last of them in ruins; settled within a few request timeouts."""
    apis = [RecordedApi(files=recorded("3-deployed")[name]) for name in NAMES[:2]]
    async with serving(apis[0]), serving(apis[1]), serving(ruin.api, ruin.tls(ruin.api)):
        document: dict[str, list[Any]] = {"clusters": [], "users": [], "contexts": []}
        for name, api, wrong in zip(NAMES, [*apis, ruin.api], (None, None, ruin), strict=True):
            for kind, value in entry(name, api, wrong).items():
                document[kind].append(value)
        path = folder / "config"
        path.write_text(yaml.safe_dump(document))
        settings = Settings(kubeconfig=path, state_directory=folder / "state", request_timeout=REQUEST_TIMEOUT)
        async with Session(choose(settings, {}), settings, pace=FAST, scope=Scope(flows=False)) as session:
            assert await session.settled(GUARD)
            yield session


def others_live(session: Session) -> None:
    for name in NAMES[:2]:
        cluster = session.mesh.clusters[name]
        assert cluster.api.phase is s.Phase.LIVE
        assert "default/rebel-base" in cluster.services
        assert cluster.config is not None


def expired_server(api: RecordedApi) -> Any:
    return server_tls(api.authority, not_after=YESTERDAY)


def client_certificate(authority: trustme.CA) -> dict[str, str]:
    leaf = authority.issue_cert("leia", not_after=YESTERDAY)
    cert, key = leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()
    return {
        "client-certificate-data": base64.b64encode(cert).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }


RUINS: dict[str, tuple[Callable[[], Ruin], type[MeshtuiError], str]] = {
    "nobody listens": (lambda: Ruin(server="https://127.0.0.1:1"), Unreachable, "refused"),
    "no such host": (lambda: Ruin(server="https://naboo.invalid:6443"), Unreachable, "naboo.invalid"),
    "expired server certificate": (lambda: Ruin(tls=expired_server), CertificateRejected, "expired"),
    "expired client certificate": (lambda: Ruin(user=client_certificate(trustme.CA())), Unauthorized, "expired on"),
    "401": (lambda: Ruin(user={"token": "stale"}), Unauthorized, ""),
}


@pytest.mark.parametrize("ruin", RUINS)
async def test_one_cluster_of_three_cannot_be_used(ruin: str, tmp_path: Path) -> None:
    make, kind, words = RUINS[ruin]
    async with three(tmp_path, make()) as session:
        error = session.mesh.clusters["naboo"].api.error
        assert session.mesh.clusters["naboo"].api.phase is s.Phase.FAILED
        assert isinstance(error, kind)
        assert "naboo" in error.title
        assert words in f"{error.title} {error.cause}"
        assert error.hint
        assert "stale" not in f"{error} {error.hint}"
        others_live(session)


async def test_a_server_that_accepts_and_says_nothing_ends_with_the_request_timeout(tmp_path: Path) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(4096):
                pass
        writer.close()

    mute = await asyncio.start_server(hold, "127.0.0.1", 0)
    address = f"https://127.0.0.1:{mute.sockets[0].getsockname()[1]}"
    async with mute, three(tmp_path, Ruin(server=address)) as session:
        error = session.mesh.clusters["naboo"].api.error
        assert isinstance(error, TimedOut)
        assert error.hint
        others_live(session)


async def test_credentials_that_are_accepted_again_bring_the_cluster_back_by_themselves(tmp_path: Path) -> None:
    ruin = Ruin()
    ruin.api.tokens.clear()
    async with three(tmp_path, ruin) as session:
        naboo = session.mesh.clusters["naboo"]
        assert isinstance(naboo.api.error, Unauthorized)
        ruin.api.tokens.add(TOKEN)
        await until(session, lambda: naboo.api.phase is s.Phase.LIVE and naboo.services and naboo.config)
        assert naboo.api.error is None


async def test_403_on_one_resource_only(tmp_path: Path) -> None:
    ruin = Ruin()
    ruin.api.refuse("GET /api/v1/nodes", (403, failure(403, "Forbidden", "nodes is forbidden: leia may not")))
    async with three(tmp_path, ruin) as session:
        naboo = session.mesh.clusters["naboo"]
        error = naboo.watches[r.NODES].error
        assert isinstance(error, Forbidden)
        assert "nodes" in error.title
        assert "leia may not" in error.cause
        assert error.hint
        assert {w.phase for resource, w in naboo.watches.items() if resource is not r.NODES} == {s.Phase.LIVE}
        others_live(session)


def test_a_kubeconfig_that_is_missing_empty_or_without_that_context(tmp_path: Path) -> None:
    missing = Settings(kubeconfig=tmp_path / "nowhere")
    empty = Settings(kubeconfig=tmp_path / "empty")
    (tmp_path / "empty").write_text("")
    other = Settings(kubeconfig=tmp_path / "other", contexts=("hoth",))
    (tmp_path / "other").write_text(yaml.safe_dump({"contexts": [{"name": "tion", "context": {"cluster": "t"}}]}))
    for settings, words in ((missing, "nowhere"), (empty, "no context"), (other, "hoth")):
        with pytest.raises(ConfigError) as caught:
            choose(settings, {})
        assert words in str(caught.value)
        assert caught.value.hint


@pytest.mark.parametrize("state", ["no-cni", "cilium"])
async def test_no_mesh_yet_is_a_fact_with_a_next_step(state: str, new_lab: NewLab) -> None:
    async with new_lab(state=state) as lab, lab.session(scope=Scope()) as session:
        for name, cluster in session.mesh.clusters.items():
            assert cluster.api.phase is s.Phase.LIVE
            assert f"{name}-control-plane" in cluster.nodes
            relay = cluster.relay.link
            if state == "no-cni":
                assert cluster.config is None
                assert isinstance(cluster.config_error, MeshtuiError)
                assert "cilium install" in cluster.config_error.hint
                await until(session, lambda link=relay: link.phase is s.Phase.ABSENT)
                assert isinstance(relay.error, RelayAbsent)
                assert "cilium hubble enable" in relay.error.hint
            else:
                assert cluster.config is not None
                assert cluster.config_error is None
                assert cluster.kvstoremesh is None
                assert cluster.kvstoremesh_error is None
