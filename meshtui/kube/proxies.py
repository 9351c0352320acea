"""The proxy on the way to an API server, chosen as kubectl does: the kubeconfig's, else the environment's."""

from __future__ import annotations

import base64
import ipaddress
import ssl
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from meshtui.core.errors import ConfigError
from meshtui.core.text import clean
from meshtui.core.untold import Untold
from meshtui.kube.kubeconfig import Target

SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443}
_SOCKS = 1080


class Proxy(Untold, frozen=True):
    """One proxy. Its URL holds its credentials and appears in no repr."""

    url: str
    """What a library dials: lower-case scheme, names resolved by the proxy."""
    shown: str
    """`scheme://host:port`, for words."""

    @property
    def authorization(self) -> str:
        """What an HTTP proxy wants to see of its login; empty without one."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return ""
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return "Basic " + base64.b64encode(login.encode()).decode()

    @property
    def tls(self) -> ssl.SSLContext | None:
        """How to trust a proxy that itself speaks TLS; None for the others."""
        return ssl.create_default_context() if self.url.startswith("https://") else None


def proxy_of(target: Target, env: Mapping[str, str]) -> Proxy | None:
    """The proxy to the target's API server, None for the direct way. Raises ConfigError for one nobody could use."""
    said = target.cluster.text("proxy-url").strip()
    if said:
        return _parse(said, f"context {clean(target.context)}: its proxy-url cannot be used")
    name, value = _of_environment(target.server, env)
    return _parse(value, f"the proxy that {name} names cannot be used") if value else None


def _parse(said: str, title: str) -> Proxy:
    """Without a scheme it is an HTTP proxy, as for Go."""
    url = said if "://" in said else f"http://{said}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    if not host or parts.scheme not in SCHEMES:
        # Not the URL itself: it may hold a password, and what cannot be parsed cannot be cut apart.
        cause = f"there is no way to talk {clean(parts.scheme)}" if host and parts.scheme else "it is not an address"
        hint = "it takes http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
        raise ConfigError(title, cause=cause, hint=hint)
    bracketed = f"[{host}]" if ":" in host else host
    place = f"{bracketed}:{port or _PORTS.get(parts.scheme, _SOCKS)}"
    userinfo, at, _ = parts.netloc.rpartition("@")
    # Go leaves the resolving of names to a SOCKS5 proxy; the libraries do so for socks5h alone.
    scheme = "socks5h" if parts.scheme.startswith("socks") else parts.scheme
    return Proxy(f"{scheme}://{userinfo}{at}{place}", clean(f"{parts.scheme}://{place}"))


def _of_environment(server: str, env: Mapping[str, str]) -> tuple[str, str]:
    """(variable, value), empty for none: never for this machine, nor where NO_PROXY says."""
    parts = urlsplit(server)
    host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 443)
    for name in (f"{parts.scheme.upper()}_PROXY", f"{parts.scheme}_proxy"):
        if env.get(name):
            exempt = env.get("NO_PROXY") or env.get("no_proxy") or ""
            return ("", "") if _local(host) or bypassed(host, port, exempt) else (name, env[name].strip())
    return "", ""


def _local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bypassed(host: str, port: int, exempt: str) -> bool:
    """Whether NO_PROXY's list names a host: `*`, an address, a CIDR, a domain with its subdomains, each `:port` or not.

    As Go reads it (golang.org/x/net/http/httpproxy): `.example.org` is the subdomains alone.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for entry in (word.strip().lower() for word in exempt.split(",")):
        if entry == "*":
            return True
        if entry and _names(entry, host.lower(), port, address):
            return True
    return False


def _names(entry: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, only = entry, 0
    head, colon, tail = entry.rpartition(":")
    if colon and tail.isdecimal() and (":" not in head or head.endswith("]")):
        name, only = head, int(tail)
    if only and only != port:
        return False
    name = name.strip("[]")
    if address is not None:
        try:
            return ipaddress.ip_address(name) == address
        except ValueError:
            return False
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")
