"""The embedded API servers' own certificate authority, and the certificates it signs."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client's certificate and key, PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """One cluster's certificate authority; it lives as long as the process."""

    def __init__(self, cluster: str) -> None:
        self._ca = trustme.CA(organization_name=cluster, organization_unit_name="meshtui simulate")

    @property
    def pem(self) -> bytes:
        """The authority's own certificate, PEM."""
        return self._ca.cert_pem.bytes()

    def server_context(self, directory: Path) -> ssl.SSLContext:
        """TLS for a server on 127.0.0.1 that asks for, but does not demand, a client certificate.

        Python takes certificates from files only: the key is for a moment in a file in `directory`.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_OPTIONAL
        issued = self._ca.issue_cert("127.0.0.1", "localhost", "kubernetes", common_name="kube-apiserver")
        with issued.private_key_and_cert_chain_pem.tempfile(dir=str(directory)) as path:
            context.load_cert_chain(path)
        self._ca.configure_trust(context)
        return context

    def client(self, user: str, group: str = "") -> ClientCertificate:
        """A certificate that authenticates `user` (CN) as a member of `group` (O)."""
        issued = self._ca.issue_cert(common_name=user, organization_name=group or None)
        return ClientCertificate(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
