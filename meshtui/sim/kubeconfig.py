"""The kubeconfig that leads to the embedded API servers."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from meshtui.sim.certs import ClientCertificate


@dataclass(frozen=True, slots=True)
class Access:
    """How one cluster is reached: by certificate, by token, or by both."""

    name: str
    server: str
    authority: bytes
    certificate: ClientCertificate | None = None
    token: str = ""


def write(path: Path, clusters: Sequence[Access]) -> Path:
    """Write a kubeconfig only its owner can read; the first cluster is the current context."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = yaml.safe_dump(_document(clusters), sort_keys=False)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _document(clusters: Sequence[Access]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": c.name,
                "cluster": {"server": c.server, "certificate-authority-data": _b64(c.authority)},
            }
            for c in clusters
        ],
        "users": [{"name": f"{c.name}-admin", "user": _user(c)} for c in clusters],
        "contexts": [{"name": c.name, "context": _context(c)} for c in clusters],
        "current-context": clusters[0].name,
    }


def _context(access: Access) -> dict[str, Any]:
    return {
        "cluster": access.name,
        "user": f"{access.name}-admin",
        "extensions": [{"name": "meshtui.io/lab", "extension": True}],
    }


def _user(access: Access) -> dict[str, str]:
    user = {}
    if access.certificate:
        user["client-certificate-data"] = _b64(access.certificate.certificate)
        user["client-key-data"] = _b64(access.certificate.key)
    if access.token:
        user["token"] = access.token
    return user


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
