"""The contexts a person may choose from, read quickly enough for the first paint."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from meshtui.kube import kubeconfig as files
from meshtui.kube.kubeconfig import Kubeconfig, Section

_LOCAL_NAMES = ("kind-", "k3d-", "minikube")
LAB_EXTENSION = "meshtui.io/lab"


class ContextInfo(Struct, frozen=True):
    """One context of the kubeconfig. `server` is empty when its cluster is not defined."""

    name: str
    cluster: str
    server: str
    namespace: str
    user: str
    local: bool
    """A lab on this machine: changes to it need no dialog."""


def list_contexts(kubeconfig: Path | None, env: Mapping[str, str]) -> tuple[list[ContextInfo], str | None]:
    """All contexts in the order of the files, and the current one's name; raises ConfigError."""
    config = files.load(kubeconfig, env)
    return [_info(config, name, section) for name, section in config.contexts.items()], config.current


def is_loopback(server: str) -> bool:
    """Whether the URL's host is this machine."""
    try:
        host = urlsplit(server).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _info(config: Kubeconfig, name: str, section: Section) -> ContextInfo:
    cluster = config.clusters.get(section.text("cluster"), Section({}))
    server = files.server_of(cluster)
    named = name.startswith(_LOCAL_NAMES) and is_loopback(server)
    return ContextInfo(
        name=name,
        cluster=section.text("cluster"),
        server=server,
        namespace=section.text("namespace"),
        user=section.text("user"),
        local=named or _is_lab(section.value.get("extensions")),
    )


def _is_lab(extensions: Any) -> bool:
    """Extensions are a list of `{name, extension}`; the lab's is `true`, or a mapping `{lab: true}`."""
    for entry in extensions if isinstance(extensions, list) else ():
        if isinstance(entry, Mapping) and entry.get("name") == LAB_EXTENSION:
            value = entry.get("extension")
            return value is True or (isinstance(value, Mapping) and value.get("lab") is True)
    return False
