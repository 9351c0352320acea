"""The TLS side of a context: which authority to trust, which client certificate to show."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import ssl
from collections.abc import Iterator

from meshtui.core.errors import ConfigError
from meshtui.core.text import clean
from meshtui.kube.kubeconfig import Section, Target


def pem(section: Section, key: str, context: str) -> bytes:
    """`KEY-data` decoded, else the file `KEY` names, else nothing; raises ConfigError."""
    inline = section.text(f"{key}-data")
    if inline:
        try:
            return base64.b64decode(inline, validate=False)
        except (binascii.Error, ValueError):
            raise ConfigError(
                f"context {clean(context)}: {key}-data is not base64",
                hint="take the kubeconfig from its source again",
            ) from None
    path = section.path(key)
    if path is None:
        return b""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"context {clean(context)}: cannot read {key}",
            cause=f"{clean(str(path))}: {error.strerror or type(error).__name__}",
            hint="relative paths start at the kubeconfig's directory",
        ) from None


def server_context(target: Target) -> ssl.SSLContext:
    """A context that trusts what the kubeconfig says; blocking, run it off the loop. Raises ConfigError."""
    authority = pem(target.cluster, "certificate-authority", target.context)
    try:
        context = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    except (ssl.SSLError, UnicodeDecodeError, ValueError):
        raise ConfigError(
            f"context {clean(target.context)}: certificate-authority holds no certificate",
            cause="it is not PEM",
            hint="take the kubeconfig from its source again",
        ) from None
    # Python 3.13 asks for RFC 5280 to the letter; clusters whose own CA lacks an Authority Key Identifier
    # work with kubectl, so they must work here.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    if target.cluster.flag("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def show_certificate(context: ssl.SSLContext, cert: bytes, key: bytes, name: str) -> None:
    """Make new connections show this client certificate; the key never rests on a disk. Raises ConfigError."""
    try:
        with _as_path(cert + b"\n" + key) as path:
            # Without a password OpenSSL would ask the terminal for an encrypted key's.
            context.load_cert_chain(path, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "not PEM"
        raise ConfigError(
            f"context {clean(name)}: the client certificate or its key cannot be used",
            cause=str(reason).replace("_", " ").lower(),
            hint="the two must be PEM, belong together, and the key must not be encrypted",
        ) from None


@contextlib.contextmanager
def _as_path(secret: bytes) -> Iterator[str]:
    """OpenSSL reads keys from paths only: memory where the system can, else a file that lives for the block."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        memory = os.memfd_create("credential", os.MFD_CLOEXEC)
        try:
            os.write(memory, secret)
            yield f"/proc/self/fd/{memory}"
        finally:
            os.close(memory)
        return
    import tempfile  # only where no memory has a path

    with tempfile.NamedTemporaryFile(prefix="meshtui-") as file:
        file.write(secret)
        file.flush()
        yield file.name
