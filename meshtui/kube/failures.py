"""Turns what httpx, ssl and the API server report into the typed errors of core, with a cause and a next step."""

from __future__ import annotations

import datetime as dt
import shlex
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from meshtui.core.errors import (
    CertificateRejected,
    ClusterError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    ServerFailed,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from meshtui.core.model.resources import Resource
from meshtui.core.text import clean

_VERBS = {"get": "read", "list": "list", "watch": "watch", "patch": "change", "create": "create", "delete": "delete"}
_NO_VERDICT = (
    ssl.SSLEOFError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
)
_CUTS = (EOFError, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, httpx.RemoteProtocolError, httpx.ReadError)
_EXPIRED, _NOT_YET, _SELF_SIGNED = {10}, {9}, {18, 19, 20, 21}
_WRONG_NAME = {62, 64}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, for the words about its failure."""

    context: str
    server: str
    verb: str
    """As in RBAC: get, list, watch, patch, create, delete; for exec and port-forward `create`."""
    resource: str = ""
    """Plural, with a group where it has one and a subresource: `pods`, `pods/exec`, `things.group`."""
    namespace: str = ""
    name: str = ""
    timeout: float = 0.0

    @property
    def title(self) -> str:
        """`koornacht: cannot list services`."""
        what = f"{self.resource} {self.namespace + '/' if self.namespace else ''}{self.name}".rstrip("/ ")
        verb = _VERBS.get(self.verb, self.verb)
        if self.resource.endswith("/exec"):
            verb, what = "run a command in", f"pod {self.namespace}/{self.name}"
        elif self.resource.endswith("/portforward"):
            verb, what = "forward a port of", f"pod {self.namespace}/{self.name}"
        return clean(f"{self.context}: cannot {verb} {what or 'the server'}")

    @property
    def can_i(self) -> str:
        """The kubectl command that asks for the same right."""
        resource, _, sub = self.resource.partition("/")
        words = ["kubectl", "--context", self.context, "auth", "can-i", self.verb, resource]
        words += [f"--subresource={sub}"] if sub else []
        words += ["-n", self.namespace] if self.namespace else []
        return clean(shlex.join(words))


class Status(msgspec.Struct):
    """The API server's way of saying no."""

    message: str = ""
    reason: str = ""
    code: int = 0
    status: str = ""
    details: Any = None


def plural(resource: Resource) -> str:
    """The resource's name as kubectl takes it: `services`, `ciliumnodes.cilium.io`."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def status_of(body: bytes) -> Status:
    """The Status in a body, or one made of the body's text when it holds none."""
    try:
        return msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        return Status(message=body[:300].decode("utf-8", "replace").strip())


def from_status(call: Call, code: int, body: bytes, certificate: bytes = b"") -> ClusterError:
    """The error for an HTTP status or for the Status of a watch's ERROR event."""
    status = status_of(body)
    message = clean(status.message or f"HTTP {code}", 400)
    kind, hint = _KINDS.get(code, (ServerFailed, ""))
    if kind is Unauthorized:
        message, hint = _unauthorized(call, message, certificate)
    elif kind is Forbidden:
        hint = call.can_i
    elif kind is NotFound and not status.reason:
        message, hint = "the server does not know this resource", "a CRD that is not installed?"
    elif kind is ServerFailed:
        hint = f"kubectl --context {clean(shlex.quote(call.context))} get --raw /readyz?verbose"
    return kind(
        call.title,
        context=call.context,
        verb=call.verb,
        resource=call.resource,
        status=code,
        cause=message,
        hint=hint,
    )


_KINDS: dict[int, tuple[type[ClusterError], str]] = {
    400: (Invalid, ""),
    401: (Unauthorized, ""),
    403: (Forbidden, ""),
    404: (NotFound, ""),
    409: (Conflict, "it changed meanwhile; look again, then repeat"),
    410: (Expired, ""),
    422: (Invalid, ""),
    504: (TimedOut, "the API server itself gave up waiting"),
}


def from_transport(call: Call, error: BaseException) -> ClusterError:
    """The error for a request that got no answer: DNS, refused, TLS, cut off, timed out."""
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return _build(CertificateRejected, call, *_verification(call, link))
    for link in chain:
        if isinstance(link, ssl.SSLError) and not isinstance(link, _NO_VERDICT):
            return _build(*_handshake(call, link))
    for link in chain:
        if isinstance(link, socket.gaierror):
            host = call.server.split("//")[-1]
            return _build(
                Unreachable,
                call,
                f"the name {clean(host)} does not resolve",
                "check DNS, or the VPN, or the server's address in the kubeconfig",
            )
        if isinstance(link, ConnectionRefusedError):
            cause = f"connection refused at {clean(call.server)}"
            return _build(Unreachable, call, cause, "is the cluster running? kind: docker ps -a")
    if any(isinstance(link, TimeoutError) or "Timeout" in type(link).__name__ for link in chain):
        return timed_out(call)
    if is_cut(error):
        cause = f"{clean(call.server)} closed the connection without an answer"
        return _build(Unreachable, call, cause, "is it restarting, or does a proxy stand in between?")
    text = next((str(link) for link in chain if str(link)), type(error).__name__)
    cause = f"{clean(call.server)}: {clean(text, 300)}"
    return _build(Unreachable, call, cause, "check the network, the VPN and the server's address")


def is_cut(error: BaseException) -> bool:
    """Whether a connection that stood was closed before the answer."""
    return any(isinstance(link, _CUTS) for link in _chain(error))


def timed_out(call: Call) -> TimedOut:
    """No answer within the request timeout."""
    return TimedOut(
        call.title,
        context=call.context,
        verb=call.verb,
        resource=call.resource,
        cause=f"{clean(call.server)} did not answer within {call.timeout:g} s",
        hint="check the network or VPN, or allow more with --request-timeout",
    )


def not_an_api_server(call: Call, body: bytes) -> ServerFailed:
    """A 200 that holds something else than Kubernetes JSON: a login page, another service."""
    return ServerFailed(
        call.title,
        context=call.context,
        verb=call.verb,
        resource=call.resource,
        status=200,
        cause=f"{clean(call.server)} answered, but not as an API server: {clean(body[:80].decode('utf-8', 'replace'))}",
        hint="does the kubeconfig's server point at something else, or does a proxy stand in between?",
    )


def _build(kind: type[ClusterError], call: Call, cause: str, hint: str) -> ClusterError:
    return kind(call.title, context=call.context, verb=call.verb, resource=call.resource, cause=cause, hint=hint)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes, and the members of groups, outermost first."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        link = queue.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        queue += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            queue += link.exceptions


def _verification(call: Call, error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """Cause and hint for a server certificate we do not accept (OpenSSL's X509_V_ERR codes)."""
    code, server = error.verify_code, clean(call.server)
    if code in _EXPIRED:
        return (
            f"the certificate of {server} has expired",
            "renew it (kubeadm certs renew all), check this machine's clock",
        )
    if code in _NOT_YET:
        return f"the certificate of {server} is not valid yet", "check this machine's clock"
    if code in _SELF_SIGNED:
        return (
            f"the certificate of {server} is signed by an unknown authority",
            "the cluster was rebuilt or this is another one: take its kubeconfig again (kind export kubeconfig)",
        )
    if code in _WRONG_NAME:
        return (
            f"the certificate of {server} is for another name",
            "use the name it was made for, or set tls-server-name in the kubeconfig",
        )
    return f"the certificate of {server} is not accepted: {clean(error.verify_message)}", "check the kubeconfig's CA"


def _handshake(call: Call, error: ssl.SSLError) -> tuple[type[ClusterError], Call, str, str]:
    reason = (error.reason or "").upper()
    words = (error.reason or str(error)).replace("_", " ").lower()
    if "ALERT" in reason:
        return (
            CertificateRejected,
            call,
            f"{clean(call.server)} rejects our client certificate: {clean(words)}",
            "take the kubeconfig from its source again; its client certificate may have expired",
        )
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}:
        return Unreachable, call, f"{clean(call.server)} does not speak TLS", "is the port right, or the scheme http?"
    return Unreachable, call, f"TLS with {clean(call.server)} failed: {clean(words)}", "check proxies in between"


def _unauthorized(call: Call, message: str, certificate: bytes) -> tuple[str, str]:
    """A 401 says only Unauthorized; our own certificate's dates often say why."""
    expired = _expired_on(certificate)
    if expired:
        return f"our client certificate expired on {expired}", "take the kubeconfig from its source again"
    cause = "the server does not accept our credentials" if message == "Unauthorized" else message
    return cause, f"log in again, then try: kubectl --context {clean(shlex.quote(call.context))} auth whoami"


def _expired_on(certificate: bytes) -> str:
    if not certificate:
        return ""
    from cryptography import x509

    try:
        end = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return ""
    return end.date().isoformat() if end < dt.datetime.now(dt.UTC) else ""
