"""Every road to an API server: proxies with and without a login, other names, odd spellings of its URL."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshtui.core.errors import ConfigError, Forbidden, NotFound, ServerFailed, Unreachable
from meshtui.core.model import resources as r
from meshtui.kube.api import Api
from meshtui.kube.exec import run
from meshtui.kube.kubeconfig import Overrides
from meshtui.kube.portforward import forward
from meshtui.kube.proxies import bypassed
from tests.kube.fake import TOKEN, FakeApi, failure, frames, server_tls, serving
from tests.kube.proxy import proxying

NAME = "k8s-api.internal"
"""A name that nobody but the proxy knows."""


@pytest.fixture
async def named(recordings: Path) -> AsyncIterator[FakeApi]:
    """An API server whose certificate is for the hidden name alone."""
    fake = FakeApi()
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}
    sessions = json.loads((recordings / "protocol/websocket.json").read_text())
    fake.sockets["/api/v1/namespaces/default/pods/x/exec"] = frames(sessions["exec ok v5.channel.k8s.io"])
    fake.sockets["/api/v1/namespaces/default/pods/x/portforward"] = _greet
    async with serving(fake, server_tls(fake.authority, NAME)):
        yield fake


async def _greet(socket_: Any, request: Any) -> None:
    for channel in (b"\x00", b"\x01"):
        await socket_.send_bytes(channel + b"\x50\x00")
    await socket_.send_bytes(b"\x00hello")
    await asyncio.sleep(0)


@asynccontextmanager
async def reached(
    fake: FakeApi, folder: Path, cluster: Mapping[str, Any], env: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[Api]:
    path = fake.kubeconfig(folder, cluster=dict(cluster))
    async with await Api.connect("k", path, env or {}, request_timeout=5, **options) as api:
        yield api


async def all_three(api: Api) -> None:
    """A request, a command, a forwarded port."""
    assert await api.version() == "1.36.2"
    assert (await run(api, "default", "x", ["true"])).exit_code == 0
    async with forward(api, "default", "x", 80) as address:
        reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        assert await reader.read(5) == b"hello"
        writer.close()


@pytest.mark.parametrize("login", ["", "ann:s3cr3t-pass"])
@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("by", ["host", "tls-server-name"])
async def test_requests_commands_and_forwards_go_through_a_proxy(named, tmp_path, kind, login, by):
    host = NAME if by == "host" else "127.0.0.1"
    cluster = {"server": f"https://{host}:{named.port}", **({} if by == "host" else {"tls-server-name": NAME})}
    async with proxying(kind, login) as proxy, reached(named, tmp_path, {**cluster, "proxy-url": proxy.url}) as api:
        await all_three(api)
    assert set(proxy.met) == {(host, named.port)}
    assert len(proxy.met) >= 3


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_the_environments_proxy_is_taken_as_kubectl_takes_it(named, tmp_path, kind):
    cluster = {"server": f"HTTPS://{NAME}:{named.port}"}
    async with proxying(kind) as proxy:
        env = {"HTTPS_PROXY": proxy.url, "NO_PROXY": "example.org,10.0.0.0/8"}
        async with reached(named, tmp_path, cluster, env) as api:
            await all_three(api)
        assert proxy.met
        proxy.met.clear()
        async with reached(named, tmp_path, {"tls-server-name": NAME}, env) as api:
            await all_three(api)  # never for this machine
    assert not proxy.met


async def test_a_proxy_url_in_capitals_and_without_a_scheme(named, tmp_path):
    async with proxying("http") as proxy:
        for url in (f"HTTP://127.0.0.1:{proxy.port}", f"127.0.0.1:{proxy.port}", f" {proxy.url}\n"):
            cluster = {"proxy-url": url, "server": f"https://{NAME}:{named.port}"}
            async with reached(named, tmp_path, cluster) as api:
                assert await api.version() == "1.36.2"
        assert len(proxy.met) == 3


@pytest.mark.parametrize("server", ["HTTPS://127.0.0.1:{}", "Https://127.0.0.1:{}/", "127.0.0.1:{}"])
async def test_a_url_as_people_write_it(named, tmp_path, server):
    cluster = {"server": server.format(named.port), "tls-server-name": NAME}
    async with reached(named, tmp_path, cluster) as api:
        await all_three(api)


async def test_flags_say_what_the_kubeconfig_does_not(named, tmp_path):
    extra = {"reason": ["on-call", "tést"]}
    said = Overrides(as_user="zoë", as_groups=("a", "b"), as_uid="7", as_extra=extra, server_name=NAME)
    async with reached(named, tmp_path, {}, overrides=said) as api:
        await all_three(api)
    for request in named.requests:
        raw: dict[bytes, list[bytes]] = {}
        for key, value in request.raw_headers:
            raw.setdefault(key.lower(), []).append(value)
        assert raw[b"impersonate-user"] == ["zoë".encode()]
        assert raw[b"impersonate-group"] == [b"a", b"b"]
        assert raw[b"impersonate-uid"] == [b"7"]
        assert raw[b"impersonate-extra-reason"] == [b"on-call", "tést".encode()]
    async with reached(named, tmp_path, {}, overrides=Overrides(insecure=True)) as api:
        await all_three(api)


async def test_groups_without_a_user_are_refused_before_anything_is_sent(named, tmp_path):
    with pytest.raises(ConfigError, match="only with a user"):
        async with reached(named, tmp_path, {}, overrides=Overrides(as_groups=("a",))):
            pass
    assert not named.requests


async def told(fake: FakeApi, folder: Path, cluster: Mapping[str, Any]) -> Unreachable:
    """Why neither a request nor a command gets there: they must agree."""
    async with reached(fake, folder, cluster) as api:
        with pytest.raises(Unreachable) as caught:
            await api.version()
        with pytest.raises(Unreachable) as shaken:
            await run(api, "default", "x", ["true"])
    assert shaken.value.cause == caught.value.cause
    return caught.value


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_what_is_wrong_with_the_proxy_is_told_as_that(named, tmp_path, kind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    error = await told(named, tmp_path, {"proxy-url": f"{kind}://ann:s3cr3t-pass@127.0.0.1:{free}"})
    assert error.cause == f"connection refused at the proxy {kind}://127.0.0.1:{free}"
    assert "NO_PROXY" in error.hint
    async with proxying(kind, refuses=True) as proxy:
        error = await told(named, tmp_path, {"proxy-url": proxy.url})
        assert f"the proxy {proxy.url} does not get through to https://127.0.0.1" in error.cause
        assert ("502" if kind == "http" else "host unreachable") in error.cause.lower()
    async with proxying(kind, "ann:s3cr3t-pass") as proxy:
        wrong = f"{kind}://ann:wr0ng-pass@127.0.0.1:{proxy.port}"
        error = await told(named, tmp_path, {"proxy-url": wrong})
        assert error.cause == f"the proxy {kind}://127.0.0.1:{proxy.port} wants a login"


@pytest.mark.parametrize("url", ["ftp://h:1", "http://", "socks4://h:1", "http://u:s3cr3t@h:port", "http://[::1"])
async def test_a_proxy_that_nobody_could_use(named, tmp_path, url):
    with pytest.raises(ConfigError, match="proxy-url cannot be used") as caught:
        async with reached(named, tmp_path, {"proxy-url": url}):
            pass
    assert "socks5://HOST:PORT" in caught.value.hint
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "exempt", "expected"),
    [
        ("a.example.org", "example.org", True),
        ("example.org", "example.org", True),
        ("badexample.org", "example.org", False),
        ("example.org", ".example.org", False),
        ("a.example.org", "x, .example.org", True),
        ("a.example.org", "*.example.org", True),
        ("A.Example.org", "a.EXAMPLE.org", True),
        ("a.example.org", "example.org:443", False),
        ("a.example.org", "example.org:6443", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8,nonsense/x", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "1.2.3", False),
        ("fd00::1", "fd00::/16", True),
        ("fd00::1", "[fd00::1]:6443", True),
        ("anything", "*", True),
        ("anything", "", False),
    ],
)
def test_no_proxy_as_go_reads_it(host, exempt, expected):
    assert bypassed(host, 6443, exempt) is expected


# Whose words a refusal carries


async def test_a_redirect_is_told_with_its_place_and_never_followed(named, tmp_path):
    fake = named
    original = fake._answer

    def answer(request: Any) -> Any:
        response = original(request)
        response.set_status(302)
        response.headers["Location"] = "https://sso.example.org/login?token=t0ken-in-the-url"
        return response

    fake._answer = answer
    fake.sockets.clear()
    async with reached(fake, tmp_path, {"tls-server-name": NAME}) as api:
        with pytest.raises(ServerFailed) as caught:
            await api.version()
    assert "answers with a redirect (302), to https://sso.example.org/login" in caught.value.cause
    assert "t0ken" not in str(caught.value)
    assert "log in there" in caught.value.hint
    assert len(fake.requests) == 1


async def test_a_page_for_browsers_is_not_quoted(named, tmp_path):
    page = b"<html><head><title>503</title></head><body>no server is available</body></html>"
    named.refuse("GET /version", (503, page))
    async with reached(named, tmp_path, {"tls-server-name": NAME}) as api:
        with pytest.raises(ServerFailed) as caught:
            await api.version()
    assert "answers HTTP 503 and a page for browsers" in caught.value.cause
    assert "<" not in caught.value.cause


async def test_a_kubelets_own_words_are_kept(named, tmp_path):
    named.refuse("GET /api/v1/namespaces/default/pods/x/exec", (404, b"pod does not exist"))
    async with reached(named, tmp_path, {"tls-server-name": NAME}) as api:
        with pytest.raises(NotFound) as caught:
            await run(api, "default", "x", ["true"])
    assert caught.value.cause == "pod does not exist"
    assert caught.value.hint == "kubectl --context k -n default get pods"


async def test_no_version_is_no_missing_crd(named, tmp_path):
    named.objects.clear()
    async with reached(named, tmp_path, {"tls-server-name": NAME}) as api:
        with pytest.raises(NotFound) as caught:
            await api.version()
        assert "is it an API server" in caught.value.hint
        with pytest.raises(NotFound) as caught:
            await api.list_all(r.CNPS)
        assert caught.value.hint == "a CRD that is not installed?"


@pytest.mark.parametrize("message", ['pods "x" is forbidden: ', "is forbidden: ", "Forbidden", ""])
async def test_a_missing_right_is_named_where_no_reason_is_given(named, tmp_path, message):
    named.refuse("GET /api/v1/namespaces/default/pods/x/exec", (403, failure(403, "Forbidden", message)))
    async with reached(named, tmp_path, {"tls-server-name": NAME}) as api:
        with pytest.raises(Forbidden) as caught:
            await run(api, "default", "x", ["true"])
    assert caught.value.cause.startswith("the right to create pods/exec in default is missing")
    assert caught.value.hint == "kubectl --context k auth can-i create pods --subresource=exec -n default"


async def test_the_right_for_a_raw_path_can_be_asked_for(named, tmp_path):
    named.refuse("GET /api/v1/namespaces/kube-system/secrets/s", (403, failure(403, "Forbidden", "no")))
    named.refuse("GET /readyz", (403, failure(403, "Forbidden", "no")))
    async with reached(named, tmp_path, {"tls-server-name": NAME}) as api:
        with pytest.raises(Forbidden) as caught:
            await api.get_raw("/api/v1/namespaces/kube-system/secrets/s")
        assert caught.value.title == "k: cannot read secrets kube-system/s"
        assert caught.value.hint == "kubectl --context k auth can-i get secrets -n kube-system"
        with pytest.raises(Forbidden) as caught:
            await api.get_raw("/readyz")
        assert caught.value.hint == "kubectl --context k auth can-i get /readyz"
    assert TOKEN not in str(caught.value)
