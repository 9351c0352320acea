"""A Relay that speaks TLS: its Service's port is 443, and its certificate is checked wherever that is possible."""

from __future__ import annotations

import asyncio
import base64
import copy
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
import yaml
from aiohttp import web

from meshtui.core.errors import ConfigError, RelayError
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from meshtui.hubble.relay import server_status
from meshtui.kube.api import Api
from meshtui.mesh.flows.relays import reach
from meshtui.mesh.flows.relaytls import told_of
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from tests.hubble.fake_relay import FakeRelay, flow
from tests.kube.fake import TOKEN, serving
from tests.mesh.conftest import FAST
from tests.mesh.waiting import until
from tests.replay.cluster import RecordedApi, recorded
from tests.waiting import until as soon

SECRET = "/api/v1/namespaces/kube-system/secrets/hubble-relay-server-certs"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def relay(authority: trustme.CA) -> Iterator[FakeRelay]:
    """A Relay with the certificate Cilium gives it."""
    leaf = authority.issue_cert("*.hubble-relay.cilium.io")
    pair = (leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())
    made = FakeRelay("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    made.states = {"koornacht/koornacht-control-plane": 1}
    made.start()
    yield made
    made.kill()


def cluster(relay: FakeRelay, *, published: bool) -> RecordedApi:
    """The recorded cluster with a Relay Service on 443, published on the node's port or not."""
    files = copy.deepcopy(recorded("3-deployed")["koornacht"])
    for node in files["nodes"]["items"]:
        node["status"]["addresses"] = [{"type": "InternalIP", "address": "127.0.0.1"}]
    for service in files["services"]["items"]:
        if service["metadata"]["name"] == "hubble-relay":
            (port,) = service["spec"]["ports"]
            port["port"] = 443
            port.pop("nodePort", None)
            if published:
                port["nodePort"] = int(relay.address.rpartition(":")[2])
    api = RecordedApi(files=files)
    for pod in files["pods"]["items"]:
        if pod["metadata"]["name"].startswith("hubble-relay"):
            api.sockets[r.PODS.path("kube-system", pod["metadata"]["name"], "portforward")] = forwarder(relay)
            api.lists[r.ENDPOINTSLICES.path("kube-system")] = {
                **files["endpointslices"],
                "items": [i for i in files["endpointslices"]["items"] if "hubble-relay" in i["metadata"]["name"]],
            }
    return api


def forwarder(relay: FakeRelay) -> Any:
    """A kubelet's port-forward (v4.channel.k8s.io) to the Relay."""

    async def play(socket: web.WebSocketResponse, request: web.Request) -> None:
        host, _, port = relay.address.rpartition(":")
        for channel in (b"\x00", b"\x01"):
            await socket.send_bytes(channel + int(request.query["ports"]).to_bytes(2, "little"))
        reader, writer = await asyncio.open_connection(host, int(port))

        async def down() -> None:
            with suppress(ConnectionError):
                while data := await reader.read(65536):
                    await socket.send_bytes(b"\x00" + data)

        going = asyncio.create_task(down())
        async for message in socket:
            writer.write(message.data[1:])
        going.cancel()
        writer.close()
        await asyncio.gather(going, return_exceptions=True)

    return play


@asynccontextmanager
async def session_on(api: RecordedApi, folder: Path) -> AsyncIterator[Session]:
    async with serving(api):
        ca = base64.b64encode(api.authority.cert_pem.bytes()).decode()
        document = {
            "clusters": [{"name": "k", "cluster": {"server": api.server, "certificate-authority-data": ca}}],
            "users": [{"name": "k", "user": {"token": TOKEN}}],
            "contexts": [{"name": "k", "context": {"cluster": "k", "user": "k"}}],
        }
        (folder / "config").write_text(yaml.safe_dump(document))
        settings = Settings(kubeconfig=folder / "config", state_directory=folder / "state", request_timeout=5)
        scope = Scope(status=False, access=False)
        async with Session(choose(settings, {}), settings, pace=FAST, scope=scope) as session:
            yield session


async def read_one(session: Session, relay: FakeRelay) -> s.RelayState:
    """Wait for the Relay and for a flow through it."""
    state = session.mesh.clusters["k"].relay
    await until(session, lambda: state.link.phase is s.Phase.LIVE)
    await soon(lambda: relay.requests)
    relay.push(flow(1))
    await until(session, lambda: len(session.flows) == 1)
    return state


async def test_a_published_relay_is_dialled_and_its_certificate_checked(
    relay: FakeRelay, authority: trustme.CA, tmp_path: Path
) -> None:
    api = cluster(relay, published=True)
    api.objects[SECRET] = {"data": {"ca.crt": base64.b64encode(authority.cert_pem.bytes()).decode()}}
    async with session_on(api, tmp_path) as session:
        state = await read_one(session, relay)
        assert (state.source, state.address) == (s.FlowSource.RELAY_DIRECT, relay.address)


async def test_an_address_whose_certificate_somebody_else_signed_is_not_talked_to(
    relay: FakeRelay, tmp_path: Path
) -> None:
    api = cluster(relay, published=True)
    api.objects[SECRET] = {"data": {"ca.crt": base64.b64encode(trustme.CA().cert_pem.bytes()).decode()}}
    async with session_on(api, tmp_path) as session:
        state = session.mesh.clusters["k"].relay
        await until(session, lambda: state.link.error is not None)
        assert state.link.phase is not s.Phase.LIVE
        assert not relay.requests
        assert state.link.error is not None
        assert state.link.error.cause


async def test_without_the_right_to_read_its_authority_the_tunnel_through_the_api_server_is_taken(
    relay: FakeRelay, tmp_path: Path
) -> None:
    async with session_on(cluster(relay, published=True), tmp_path) as session:
        state = await read_one(session, relay)
        assert state.source is s.FlowSource.RELAY_FORWARD


async def test_a_relay_that_is_not_published_is_checked_through_the_tunnel(
    relay: FakeRelay, authority: trustme.CA, tmp_path: Path
) -> None:
    api = cluster(relay, published=False)
    api.objects[SECRET] = {"data": {"ca.crt": base64.b64encode(authority.cert_pem.bytes()).decode()}}
    async with session_on(api, tmp_path) as session:
        state = await read_one(session, relay)
        assert state.source is s.FlowSource.RELAY_FORWARD


# A Relay that --relay names


@contextmanager
def mutual(authority: trustme.CA, name: str) -> Iterator[FakeRelay]:
    """One that wants a client certificate of its authority."""
    leaf = authority.issue_cert(name)
    pair = (leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())
    credentials = grpc.ssl_server_credentials(
        [pair], root_certificates=authority.cert_pem.bytes(), require_client_auth=True
    )
    made = FakeRelay("127.0.0.1:0", credentials)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def strict(authority: trustme.CA) -> Iterator[FakeRelay]:
    """Under a name of its own."""
    with mutual(authority, "relay.corp.example") as made:
        yield made


@pytest.fixture
def theirs(authority: trustme.CA) -> Iterator[FakeRelay]:
    """Under the name that Cilium gives it."""
    with mutual(authority, "*.hubble-relay.cilium.io") as made:
        yield made


def files_of(authority: trustme.CA, folder: Path) -> dict[str, str]:
    leaf = authority.issue_cert("client")
    paths = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(str(paths["ca"]))
    leaf.cert_chain_pems[0].write_to_path(str(paths["cert"]))
    leaf.private_key_pem.write_to_path(str(paths["key"]))
    return {name: str(path) for name, path in paths.items()}


@asynccontextmanager
async def api_on(fake: RecordedApi, folder: Path) -> AsyncIterator[Api]:
    async with (
        serving(fake),
        await Api.connect("k", fake.kubeconfig(folder), {}, request_timeout=5) as api,
    ):
        yield api


def recorded_cluster() -> RecordedApi:
    return RecordedApi(files=copy.deepcopy(recorded("3-deployed")["koornacht"]))


async def test_ca_client_certificate_and_name_as_flags_say(
    strict: FakeRelay, authority: trustme.CA, tmp_path: Path
) -> None:
    said = files_of(authority, tmp_path)
    settings = Settings(
        relays={"k": f"tls://{strict.address}"},
        relay_ca=(f"other=/nowhere/{0}", said["ca"]),
        relay_cert=(f"k={said['cert']}",),
        relay_key=(said["key"],),
        relay_server_name=("relay.corp.example",),
    )
    async with api_on(recorded_cluster(), tmp_path) as api, reach(api, told_of(settings, "k")) as reached:
        assert reached.address == strict.address
        status = await asyncio.to_thread(server_status, reached.address, context="k", tls=reached.tls)
        assert status.nodes_connected is not None


@pytest.mark.parametrize(
    "missing", ["relay_ca", "relay_cert", "relay_server_name"], ids=["no authority", "no certificate", "no name"]
)
async def test_what_is_missing_is_told_with_the_options_that_give_it(
    strict: FakeRelay, authority: trustme.CA, tmp_path: Path, missing: str
) -> None:
    said = files_of(authority, tmp_path)
    values = {
        "relay_ca": (said["ca"],),
        "relay_cert": (said["cert"],),
        "relay_key": (said["key"],),
        "relay_server_name": ("relay.corp.example",),
    }
    values.pop(missing)
    if missing == "relay_cert":
        values.pop("relay_key")
    settings = Settings(relays={"k": f"tls://{strict.address}"}, **values)
    async with api_on(recorded_cluster(), tmp_path) as api:
        with pytest.raises(RelayError) as caught:
            async with reach(api, told_of(settings, "k")):
                pass
    for option in ("--relay-ca", "--relay-server-name", "--relay-cert", "--relay-key"):
        assert option in caught.value.hint


async def test_a_relay_with_tls_that_is_dialled_in_the_clear_suggests_it(relay: FakeRelay, tmp_path: Path) -> None:
    settings = Settings(relays={"k": relay.address})
    async with api_on(recorded_cluster(), tmp_path) as api:
        with pytest.raises(RelayError, match="speaks TLS") as caught:
            async with reach(api, told_of(settings, "k")):
                pass
    assert f"--relay k=tls://{relay.address}" in caught.value.hint


async def test_what_ciliums_own_secrets_hold_needs_no_flags(
    theirs: FakeRelay, authority: trustme.CA, tmp_path: Path
) -> None:
    """The Relay says in its configuration that it wants client certificates; nothing else reads their key."""
    client = authority.issue_cert("client")
    fake = recorded_cluster()
    encoded = {
        "ca.crt": authority.cert_pem.bytes(),
        "tls.crt": client.cert_chain_pems[0].bytes(),
        "tls.key": client.private_key_pem.bytes(),
    }
    data = {"data": {key: base64.b64encode(value).decode() for key, value in encoded.items()}}
    fake.objects[SECRET] = {"data": {"ca.crt": data["data"]["ca.crt"]}}
    keys = SECRET.replace("hubble-relay-server-certs", "hubble-relay-client-certs")
    fake.objects[keys] = data
    told = told_of(Settings(relays={"k": f"tls://{theirs.address}"}), "k")
    async with api_on(fake, tmp_path) as api:
        with pytest.raises(RelayError):
            async with reach(api, told):
                pass
        assert not fake.asked("GET", keys)
        path = "/api/v1/namespaces/kube-system/configmaps/hubble-relay-config"
        fake.objects[path] = {"data": {"config.yaml": "tls-relay-client-ca-files: /var/lib/ca.crt\n"}}
        async with reach(api, told) as reached:
            assert reached.tls is not None
            assert reached.tls.key == encoded["tls.key"]


def mounting(*sources: dict[str, Any]) -> dict[str, Any]:
    """A Deployment whose pods mount these, as Cilium's charts do."""
    volumes = [{"name": "tls", "projected": {"sources": list(sources)}}]
    return {"spec": {"template": {"spec": {"volumes": volumes}}}}


def items(name: str, **paths: str) -> dict[str, Any]:
    """A Secret in a projected volume: key → path."""
    keys = [{"key": key.replace("_", "."), "path": path} for key, path in paths.items()]
    return {"secret": {"name": name, "items": keys}}


async def test_secrets_that_helm_values_name_are_found_by_where_the_pods_mount_them(
    theirs: FakeRelay, authority: trustme.CA, tmp_path: Path
) -> None:
    """`hubble.relay.tls.server.existingSecret` and `hubble.ui.tls.client.existingSecret`."""
    client = authority.issue_cert("client")
    fake, encoded = recorded_cluster(), lambda raw: base64.b64encode(raw).decode()
    base, apps = "/api/v1/namespaces/kube-system", "/apis/apps/v1/namespaces/kube-system/deployments"
    ours = {"ca.crt": encoded(authority.cert_pem.bytes())}
    fake.objects[f"{base}/secrets/corp-relay-server"] = {"data": ours}
    fake.objects[f"{base}/secrets/corp-ui-client"] = {
        "data": {
            "cert": encoded(client.cert_chain_pems[0].bytes()),
            "key": encoded(client.private_key_pem.bytes()),
        }
    }
    fake.objects[f"{base}/configmaps/hubble-relay-config"] = {
        "data": {"config.yaml": "tls-relay-client-ca-files: /var/lib/ca.crt\n"}
    }
    fake.objects[f"{apps}/hubble-relay"] = mounting(
        items("corp-relay-server", tls_crt="server.crt", tls_key="server.key"),
        {"configMap": {"name": "corp-bundle", "items": [{"key": "ca.crt", "path": "hubble-server-ca.crt"}]}},
    )
    fake.objects[f"{apps}/hubble-ui"] = mounting(items("corp-ui-client", cert="client.crt", key="client.key"))
    async with (
        api_on(fake, tmp_path) as api,
        reach(api, told_of(Settings(relays={"k": f"tls://{theirs.address}"}), "k")) as reached,
    ):
        assert reached.tls is not None
        assert (reached.tls.ca, reached.tls.key) == (
            authority.cert_pem.bytes(),
            client.private_key_pem.bytes(),
        )


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"relay_key": ()}, "belong together"),
        ({"relay_ca": ("/nowhere/ca.pem",)}, "cannot read --relay-ca"),
        ({"relay_key": ("CERT",)}, "holds no private key"),
    ],
)
async def test_files_that_cannot_be_used(
    strict: FakeRelay, authority: trustme.CA, tmp_path: Path, changes: dict[str, tuple[str, ...]], title: str
) -> None:
    said = files_of(authority, tmp_path)
    values = {"relay_ca": (said["ca"],), "relay_cert": (said["cert"],), "relay_key": (said["key"],)}
    values |= {name: tuple(word.replace("CERT", said["cert"]) for word in words) for name, words in changes.items()}
    async with api_on(recorded_cluster(), tmp_path) as api:
        with pytest.raises(ConfigError, match=title):
            async with reach(api, told_of(Settings(relays={"k": f"tls://{strict.address}"}, **values), "k")):
                pass
