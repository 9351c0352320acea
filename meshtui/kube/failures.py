"""Turns what sockets, ssl and the API server report into the typed errors of core, with a cause and a next step."""

from __future__ import annotations

import datetime as dt
import errno
import re
import shlex
import socket
import ssl
from collections.abc import Iterator
from typing import Any

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
from meshtui.kube.call import Call
from meshtui.kube.http.connection import Cut

_NO_VERDICT = (
    ssl.SSLEOFError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
)
_CUTS = (EOFError, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, Cut)
_EXPIRED, _NOT_YET, _SELF_SIGNED = {10}, {9}, {18, 19, 20, 21}
_WRONG_NAME = {62, 64}


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
        return Status(message=_words_of(body))


def _words_of(body: bytes) -> str:
    """What a body that is no Status says; a page for browsers is for browsers."""
    text = body[:_MOST].decode("utf-8", "replace").strip()
    page = text[:200].lower()
    return "" if page.startswith("<") and ("<html" in page or "<!doctype" in page or "<head" in page) else text


def from_status(call: Call, code: int, body: bytes, certificate: bytes = b"", location: str = "") -> ClusterError:
    """The error for an HTTP status or for the Status of a watch's ERROR event."""
    status = status_of(body)
    message = call.secrets.words(status.message, 400)
    kind, hint = _KINDS.get(code, (ServerFailed, ""))
    hook = _HOOK.search(status.message)
    if hook is not None:
        # Webhooks choose the status: 403, of most, would read as a missing right.
        kind, hint = Invalid, clean(f"the webhook {hook[1]} is somebody's rule: change what is applied, or ask them")
    elif _NO_HOOK.search(status.message):
        kind, hint = ServerFailed, "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
    elif kind is Unauthorized:
        message, hint = _unauthorized(call, message, certificate)
    elif kind is Forbidden:
        message, hint = _forbidden(call, message)
    elif kind is NotFound and not status.reason:
        message, hint = _no_such_path(call, message)
    elif 300 <= code < 400:
        message, hint = _redirect(call, code, location)
    elif kind is ServerFailed:
        message, hint = _sick(call, code, message, of_kubernetes=bool(status.reason or status.status))
    elif kind is Conflict and "dryRun" not in message and call.verb == "create" and status.reason == "AlreadyExists":
        hint = "it is there already; look at it first"
    return call.fail(kind, message or f"HTTP {code}", hint, status=code)


def _forbidden(call: Call, message: str) -> tuple[str, str]:
    """A missing right is named: Kubernetes 1.36 gives some (exec) an empty reason, `… is forbidden: `."""
    if "cannot impersonate" in message:
        return message, clean(
            shlex.join(["kubectl", "--context", call.context, "auth", "can-i", "impersonate", "users"])
        )
    if not message or message.lower().endswith(("forbidden:", "forbidden")):
        who = message.removesuffix(":").strip()
        message = f"the right to {call.right} is missing" + (f" ({who})" if who and who.lower() != "forbidden" else "")
    return message, call.can_i


def _no_such_path(call: Call, message: str) -> tuple[str, str]:
    """404 without a Status: the API server's own mux, a kubelet's words, or a stranger."""
    if message and message != _MUX:
        hint = f"kubectl --context {clean(shlex.quote(call.context))} -n {call.namespace} get pods" if call.name else ""
        return message, hint if call.resource.startswith("pods") else "does something else stand at this address?"
    if not call.resource or not message:
        cause = f"{clean(call.server)} answers, but knows no {call.name or 'such path'}"
        return cause, "is it an API server, and does its URL lack a path (Rancher: /k8s/clusters/ID)?"
    return "the server does not know this resource", "a CRD that is not installed?"


def _redirect(call: Call, code: int, location: str) -> tuple[str, str]:
    to = f", to {location}" if location else ""
    return (
        f"{clean(call.server)} answers with a redirect ({code}){to}: an API server gives none",
        "a gateway or login page stands in between: log in there, or take the kubeconfig from its source again",
    )


def _sick(call: Call, code: int, message: str, *, of_kubernetes: bool) -> tuple[str, str]:
    """A status of the API server's own, or of something before it that has no API server to reach."""
    ready = f"kubectl --context {clean(shlex.quote(call.context))} get --raw /readyz?verbose"
    if of_kubernetes:
        return message, ready
    said = f": {message}" if message else " and a page for browsers"
    return (
        f"{clean(call.server)} answers HTTP {code}{said}",
        f"a proxy or load balancer without a healthy API server behind it? {ready}",
    )


_HOOK = re.compile(r'admission webhook "([^"]{1,200})" denied the request')
_NO_HOOK = re.compile(r'failed calling webhook "')
"""k8s.io/apiserver/pkg/admission/plugin/webhook."""
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
    if call.proxy and (found := _at_the_proxy(call, chain)):
        return found
    for link in chain:
        if isinstance(link, socket.gaierror):
            host = call.server.split("//")[-1]
            return _build(
                Unreachable,
                call,
                f"the name {clean(host)} does not resolve",
                "check DNS, or the VPN, or the server's address in the kubeconfig",
            )
        if _refused(link):
            cause = f"connection refused at {clean(call.server)}"
            return _build(Unreachable, call, cause, "is the cluster running, and the port right? kind: docker ps -a")
    if any(isinstance(link, TimeoutError) or "Timeout" in type(link).__name__ for link in chain):
        return timed_out(call)
    if is_cut(error):
        cause = f"{clean(call.server)} closed the connection without an answer"
        return _build(Unreachable, call, cause, "is it restarting, or does a proxy stand in between?")
    text = next((str(link) for link in chain if str(link)), type(error).__name__)
    cause = f"{clean(call.server)}: {clean(text, 300)}"
    return _build(Unreachable, call, cause, "check the network, the VPN and the server's address")


def _refused(error: BaseException) -> bool:
    """Nobody listens; asyncio tells of several addresses of one name in one error's words."""
    return isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error)


def _at_the_proxy(call: Call, chain: list[BaseException]) -> ClusterError | None:
    """The way ended at the proxy: it is down, unknown, wants a login, or cannot reach the server."""
    said = next((link for link in chain if type(link).__name__ in _PROXY_ERRORS), None)
    name = "check proxy-url in the kubeconfig, or HTTPS_PROXY and NO_PROXY"
    if any(isinstance(link, socket.gaierror) for link in chain):
        return _build(Unreachable, call, f"the name of the proxy {call.proxy} does not resolve", name)
    if any(_refused(link) for link in chain):
        return _build(Unreachable, call, f"connection refused at the proxy {call.proxy}", f"is the proxy up? {name}")
    if said is None:
        return None
    text = " ".join(str(link) for link in chain)
    if re.search(r"(?i)\b407\b|auth|password", text):
        return _build(
            Unreachable,
            call,
            f"the proxy {call.proxy} wants a login",
            "give it: proxy-url http://USER:PASSWORD@HOST:PORT",
        )
    cause = f"the proxy {call.proxy} does not get through to {clean(call.server)}: {_last_words(text)}"
    return _build(Unreachable, call, cause, f"does the proxy reach it? {name}")


def _last_words(text: str) -> str:
    """What a proxy said: an HTTP status line, a SOCKS reply."""
    found = _REPLY.search(text)
    return found[0].lower() if found else "it refuses"


_PROXY_ERRORS = frozenset({"ProxyError", "ProxyConnectionError"})
_REPLY = re.compile(
    r"(?i)host unreachable|network unreachable|connection refused|not allowed by ruleset|ttl expired|general failure"
    r"|\b(?:403|404|50[234])\b"
)
_MUX = "404 page not found"
_MOST = 64 * 1024


def is_cut(error: BaseException) -> bool:
    """Whether a connection that stood was closed before the answer."""
    return any(isinstance(link, _CUTS) for link in _chain(error))


def timed_out(call: Call) -> TimedOut:
    """No answer within the request timeout."""
    cause = f"{clean(call.server)} did not answer within {call.timeout:g} s"
    if call.proxy:
        cause += f" by way of the proxy {call.proxy}"
    hint = "check the network or VPN, or allow more with --request-timeout"
    error = call.fail(TimedOut, cause, hint)
    assert isinstance(error, TimedOut)
    return error


def not_an_api_server(call: Call, body: bytes) -> ClusterError:
    """A 200 that holds something else than Kubernetes JSON: a login page, another service."""
    said = call.secrets.words(_words_of(body), 80)
    return call.fail(
        ServerFailed,
        f"{clean(call.server)} answered, but not as an API server: {said or 'a page for browsers'}",
        "does the kubeconfig's server point at something else, or does a proxy stand in between?",
        status=200,
    )


def _build(kind: type[ClusterError], call: Call, cause: str, hint: str) -> ClusterError:
    return call.fail(kind, cause, hint)


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
