"""Opens a gRPC channel to a Relay or an agent: plaintext or TLS, over TCP or a unix socket."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

import grpc

from meshtui.core.errors import RelayError, RelayRefused, RelayUnreachable

RELAY_SERVER_NAME = "instance.hubble-relay.cilium.io"
"""A name the Relay's own certificate, `*.hubble-relay.cilium.io`, covers; the hubble CLI's choice too."""

_KEEPALIVE_MS = 310_000
"""Go servers end a connection that pings more often than every five minutes."""


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How to talk TLS. Certificates and keys are PEM."""

    ca: bytes | None = None
    """None: the system's roots."""
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    server_name: str = RELAY_SERVER_NAME
    insecure: bool = False
    """Accept whatever certificate the server shows."""


def open_channel(target: str, tls: TlsOptions | None = None, *, context: str = "", authority: str = "") -> grpc.Channel:
    """A channel to `host:port`, `unix:/path` or `tls://host:port`. Connects lazily.

    Raises RelayUnreachable when `tls.insecure` is set and the server's certificate cannot be fetched.
    """
    if target.startswith("tls://"):
        target, tls = target.removeprefix("tls://"), tls or TlsOptions()
    options: list[tuple[str, str | int]] = [
        ("SingleThreadedUnaryStream", 1),  # the reading thread polls itself: a sixth of the cost per message
        ("grpc.max_receive_message_length", 16 << 20),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.enable_http_proxy", 0),
    ]
    if authority:
        options.append(("grpc.default_authority", authority))
    if tls is None:
        return grpc.insecure_channel(target, options=options)
    roots, name = tls.ca, tls.server_name
    if tls.insecure:
        roots, name = _shown_certificate(target, tls, context)
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    credentials = grpc.ssl_channel_credentials(roots, tls.key, tls.certificate)
    return grpc.secure_channel(target, credentials, options=options)


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
        with _connect(target) as plain, tls_context.wrap_socket(plain, server_hostname=tls.server_name) as tunnel:
            der = tunnel.getpeercert(binary_form=True)
    except OSError as error:
        raise RelayUnreachable(
            f"Hubble Relay at {target} does not answer",
            context=context,
            cause=str(error),
            hint="Check the address, and that it speaks TLS.",
        ) from error
    certificate = x509.load_der_x509_certificate(der or b"")
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        dns = []
    name = dns[0].replace("*", "instance", 1) if dns else tls.server_name
    return ssl.DER_cert_to_PEM_cert(der or b"").encode(), name


def _connect(target: str) -> socket.socket:
    if target.startswith("unix:"):
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(5)
        plain.connect(target.removeprefix("unix:").removeprefix("//"))
        return plain
    host, _, port = target.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=5)


_REFUSALS = {
    "UNAUTHENTICATED": "The Relay wants credentials: give its client certificate (TLS options of the context).",
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
        title = f"Hubble Relay at {target} refuses the request"
        return RelayRefused(title, context=context, cause=cause, hint=_REFUSALS[code])
    lowered = detail.lower()
    if "certificate" in lowered or "tls" in lowered or "ssl" in lowered or "handshake" in lowered:
        hint = "TLS failed: check the CA, the server name, or whether the Relay speaks TLS at all."
    elif code == "DEADLINE_EXCEEDED":
        hint = "It accepts the connection and says nothing: is it a Relay, and does it reach its peers?"
    else:
        hint = "Is hubble-relay running (`kubectl -n kube-system get deploy hubble-relay`), and is the address right?"
    title = f"Hubble Relay at {target} does not answer"
    return RelayUnreachable(title, context=context, cause=cause, hint=hint)
