"""Every way a server cannot be reached, told apart over real sockets."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from meshtui.core.errors import CertificateRejected, ConfigError, Unauthorized, Unreachable
from meshtui.core.model import resources as r
from meshtui.kube.api import Api
from meshtui.kube.exec import run
from tests.kube.fake import FakeApi, server_tls, serving

YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


async def failing(path: Path, kind: type[Exception]):
    """The error of a request and of a handshake, which must agree."""
    async with await Api.connect("k", path, {}, request_timeout=5) as api:
        with pytest.raises(kind) as caught:
            await api.list_all(r.NODES)
        with pytest.raises(kind) as shaken:
            await run(api, "default", "x", ["true"])
    assert shaken.value.cause == caught.value.cause
    assert caught.value.title == "k: cannot list nodes"
    assert caught.value.hint
    assert caught.value.exit_code == 3
    return caught.value


async def test_expired_server_certificate(tmp_path):
    fake = FakeApi()
    async with serving(fake, server_tls(fake.authority, not_after=YESTERDAY)):
        error = await failing(fake.kubeconfig(tmp_path), CertificateRejected)
    assert "has expired" in error.cause


async def test_unknown_authority(tmp_path):
    fake = FakeApi()
    async with serving(fake, server_tls(trustme.CA())):
        error = await failing(fake.kubeconfig(tmp_path), CertificateRejected)
    assert "unknown authority" in error.cause


async def test_wrong_name_and_tls_server_name(tmp_path):
    fake = FakeApi()
    fake.objects["/version"] = {"gitVersion": "v1.2.3"}
    async with serving(fake, server_tls(fake.authority, "api.example.org")):
        error = await failing(fake.kubeconfig(tmp_path), CertificateRejected)
        assert "another name" in error.cause
        path = fake.kubeconfig(tmp_path, cluster={"tls-server-name": "api.example.org"})
        async with await Api.connect("k", path, {}, request_timeout=5) as api:
            assert await api.version() == "1.2.3"
        path = fake.kubeconfig(tmp_path, cluster={"insecure-skip-tls-verify": True})
        async with await Api.connect("k", path, {}, request_timeout=5) as api:
            assert await api.version() == "1.2.3"


@contextlib.contextmanager
def strict_server(secure: ssl.SSLContext):
    """A TLS server that tells the client why (asyncio's drops the alert); it never gets as far as HTTP."""

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                secure.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("why", ["unknown ca", "certificate expired"])
async def test_a_rejected_client_certificate_is_told_apart(tmp_path, why):
    fake, other = FakeApi(), trustme.CA()
    secure = server_tls(fake.authority)
    secure.verify_mode = ssl.CERT_REQUIRED
    fake.authority.configure_trust(secure)
    issuer, expiry = (other, None) if why == "unknown ca" else (fake.authority, YESTERDAY)
    leaf = issuer.issue_cert("me@example.org", not_after=expiry)
    (tmp_path / "c.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    (tmp_path / "k.pem").write_bytes(leaf.private_key_pem.bytes())
    with strict_server(secure) as fake.port:
        path = fake.kubeconfig(tmp_path, user={"client-certificate": "c.pem", "client-key": "k.pem"})
        error = await failing(path, CertificateRejected)
    assert error.cause.startswith(f"{fake.server} rejects our client certificate")
    assert why in error.cause


async def test_a_401_names_our_expired_certificate(fake, tmp_path):
    leaf = fake.authority.issue_cert("me@example.org", not_after=YESTERDAY)
    (tmp_path / "c.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    (tmp_path / "k.pem").write_bytes(leaf.private_key_pem.bytes())
    path = fake.kubeconfig(tmp_path, user={"client-certificate": "c.pem", "client-key": "k.pem"})
    error = await failing(path, Unauthorized)
    assert error.cause == f"our client certificate expired on {YESTERDAY.date().isoformat()}"


async def test_refused(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await failing(FakeApi(port=taken.getsockname()[1]).kubeconfig(tmp_path), Unreachable)
    assert "connection refused" in error.cause


async def test_a_name_that_does_not_resolve(tmp_path):
    path = FakeApi(port=1).kubeconfig(tmp_path, cluster={"server": "https://nowhere.invalid:6443"})
    error = await failing(path, Unreachable)
    assert "does not resolve" in error.cause


async def test_a_server_without_tls(tmp_path):
    fake = FakeApi(scheme="http")
    async with serving(fake):
        path = fake.kubeconfig(tmp_path, cluster={"server": f"https://127.0.0.1:{fake.port}"})
        error = await failing(path, Unreachable)
    assert "does not speak TLS" in error.cause


async def test_plain_http_servers_work(tmp_path):
    fake = FakeApi(scheme="http")
    fake.objects["/version"] = {"gitVersion": "v1.2.3"}
    async with serving(fake), await Api.connect("k", fake.kubeconfig(tmp_path), {}, request_timeout=5) as api:
        assert await api.version() == "1.2.3"


@pytest.mark.parametrize("server", ["ftp://x", "https://", "https://h:port", "https://[::1"])
async def test_a_server_that_is_no_address(tmp_path, server):
    path = FakeApi(port=1).kubeconfig(tmp_path, cluster={"server": server})
    with pytest.raises(ConfigError):
        await Api.connect("k", path, {}, request_timeout=5)


async def test_a_ca_that_is_none(tmp_path):
    (tmp_path / "junk.pem").write_text("junk")
    path = FakeApi(port=1).kubeconfig(tmp_path, cluster={"certificate-authority": "junk.pem"})
    with pytest.raises(ConfigError, match="holds no certificate"):
        await Api.connect("k", path, {}, request_timeout=5)


async def test_proxy_url_is_used(tmp_path):
    fake = FakeApi()
    async with serving(fake):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            proxy = f"http://127.0.0.1:{taken.getsockname()[1]}"
            path = fake.kubeconfig(tmp_path, cluster={"proxy-url": proxy})
            async with await Api.connect("k", path, {}, request_timeout=5) as api:
                with pytest.raises(Unreachable):
                    await api.version()
    assert not fake.requests
