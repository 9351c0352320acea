"""Opens a gRPC channel to a Relay or an agent: plaintext or TLS, over TCP or a unix socket."""

from __future__ import annotations

import socket
import ssl

import grpc

from meshtui.core.errors import RelayError, RelayHeldUp, RelayRefused, RelayUnreachable
from meshtui.core.keepalive import KEEPALIVE
from meshtui.core.untold import Untold

RELAY_SERVER_NAME = "instance.hubble-relay.cilium.io"
"""A name the Relay's own certificate, `*.hubble-relay.cilium.io`, covers; the hubble CLI's choice too."""

_IS_IT_THERE = "Is hubble-relay running (`kubectl get deploy -A -l k8s-app=hubble-relay`), and is the address right?"
_IS_IT_WELL = "Look at its pod: `kubectl get pods -A -l k8s-app=hubble-relay`."
_HELD_UP = "a peer that the Relay cannot reach holds its answers up, or its node is overloaded"
_WHICH_PEER = "The Relay goes on when that peer is back or given up; `cilium-health status` in its agent shows which."
_DIAL_SECONDS = 5.0
_KEEPALIVE_MS = 310_000
"""Go servers end a connection that pings more often than every five minutes."""


class TlsOptions(Untold, frozen=True):
    """How to talk TLS. Certificates and keys are PEM."""

    ca: bytes | None = None
    """None: the system's roots."""
    certificate: bytes | None = None
    key: bytes | None = None
    server_name: str = RELAY_SERVER_NAME
    insecure: bool = False
    """Accept whatever certificate the server shows."""


def address(target: str) -> str:
    """`target` without `tls://`."""
    return target.removeprefix("tls://")


def open_channel(target: str, tls: TlsOptions | None = None, *, context: str = "", via: str = "") -> grpc.Channel:
    """A channel to `host:port`, `unix:/path` or `tls://host:port`. Connects lazily, and to `via` where that is given.

    Raises RelayUnreachable when `tls.insecure` is set and the server's certificate cannot be fetched.
    """
    if target.startswith("tls://"):
        target, tls = address(target), tls or TlsOptions()
    options: list[tuple[str, str | int]] = [
        ("SingleThreadedUnaryStream", 1),  # the reading thread polls itself: a sixth of the cost per message
        ("grpc.max_receive_message_length", 16 << 20),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.enable_http_proxy", 0),
    ]
    if tls is None:
        return grpc.insecure_channel(via or target, options=options)
    roots, name = tls.ca, tls.server_name
    if tls.insecure:
        roots, name = _shown_certificate(target, tls, context)
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    credentials = grpc.ssl_channel_credentials(roots, tls.key, tls.certificate)
    return grpc.secure_channel(via or target, credentials, options=options)


def _shown_certificate(target: str, tls: TlsOptions, context: str) -> tuple[bytes, str]:
    """The certificate the server shows, as the only root to trust, and a name it is valid for.

    grpcio cannot skip verification: trusting exactly what is shown comes to the same.
    """
    from cryptography import x509

    tls_context = ssl.create_default_context()
    tls_context.check_hostname = False
    tls_context.verify_mode = ssl.CERT_NONE
    tls_context.set_alpn_protocols(["h2"])
    try:
        with connect(target) as plain, tls_context.wrap_socket(plain, server_hostname=tls.server_name) as tunnel:
            der = tunnel.getpeercert(binary_form=True)
    except OSError as error:
        raise unreachable(target, context, str(error), "Check the address, and that it speaks TLS.") from error
    certificate = x509.load_der_x509_certificate(der or b"")
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        dns = []
    name = dns[0].replace("*", "instance", 1) if dns else tls.server_name
    return ssl.DER_cert_to_PEM_cert(der or b"").encode(), name


def connect(target: str) -> socket.socket:
    """A socket connected to `host:port` or `unix:/path`, with a timeout. Raises OSError; ValueError without a port."""
    if target.startswith("unix:"):
        plain = socket.socket(socket.AF_UNIX)
        try:
            plain.settimeout(_DIAL_SECONDS)
            plain.connect(target.removeprefix("unix:").removeprefix("//"))
        except OSError:
            plain.close()
            raise
        return plain
    host, _, port = target.rpartition(":")
    plain = socket.create_connection((host.strip("[]"), int(port)), timeout=_DIAL_SECONDS)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for level, option, value in KEEPALIVE:
        plain.setsockopt(level, option, value)
    return plain


_REFUSALS = {
    "UNAUTHENTICATED": "The Relay wants a client certificate: --relay-cert PATH and --relay-key PATH.",
    "PERMISSION_DENIED": "The Relay does not let these credentials see flows.",
    "UNIMPLEMENTED": "This is not a Hubble Relay or agent: check the address.",
    "INVALID_ARGUMENT": "The filter is one this version of Hubble does not accept: shorten it.",
}


def failure(error: grpc.RpcError, target: str, context: str) -> RelayError:
    """What a failed call means, in words, with the next step."""
    code = error.code().name if isinstance(error, grpc.Call) and error.code() else "UNKNOWN"
    detail = " ".join((error.details() or "" if isinstance(error, grpc.Call) else str(error)).split())
    cause = f"{code}: {detail}"[:500] if detail else code
    if code in _REFUSALS:
        title = f"{_named(target, context)} refuses the request"
        return RelayRefused(title, context=context, cause=cause, hint=_REFUSALS[code])
    lowered = detail.lower()
    if "certificate" in lowered or "tls" in lowered or "ssl" in lowered or "handshake" in lowered:
        hint = "TLS failed: --relay-ca PATH, --relay-server-name NAME; a client certificate: --relay-cert, --relay-key."
    elif code == "DEADLINE_EXCEEDED":
        return RelayHeldUp(
            f"{_named(target, context)} did not answer in time", context=context, cause=_HELD_UP, hint=_WHICH_PEER
        )
    else:
        hint = _IS_IT_THERE
    return unreachable(target, context, cause, hint)


def silent(target: str, context: str) -> RelayUnreachable:
    """A Relay that does not even say of itself that it is well."""
    return unreachable(target, context, "it takes the connection and says nothing, not of itself either", _IS_IT_WELL)


def undialled(target: str, context: str, error: Exception) -> RelayUnreachable:
    """The connection itself failed."""
    if _forwarded(target):
        return unreachable(target, context, "the port-forward to it has ended", "It is opened anew by itself.")
    return unreachable(target, context, str(error))


def unreachable(target: str, context: str, cause: str, hint: str = _IS_IT_THERE) -> RelayUnreachable:
    """There is no answer, why, and the next step."""
    return RelayUnreachable(f"{_named(target, context)} does not answer", context=context, cause=cause, hint=hint)


def _named(target: str, context: str) -> str:
    """A Relay in a sentence; the path of a port-forward's socket tells nobody anything."""
    return f"{context}'s Hubble Relay (port-forward)" if _forwarded(target) else f"Hubble Relay at {target}"


def _forwarded(target: str) -> bool:
    """Whether it is a socket of ours, in a folder of ours, that leads to a port-forward."""
    return target.startswith("unix:") and "/meshtui-" in target
