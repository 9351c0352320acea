"""What one fault keeps everybody from seeing of another, and why: said by the finding that hides it.

A fault is hidden only where no evidence of it can exist while the other lasts; docs/health.md shows this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.health.model import Cause, Trouble


class Hidden(Struct, frozen=True):
    """Causes that cannot be seen, and the physical reason."""

    causes: tuple[Cause, ...]
    reason: str


_TRUST = (Cause.CERTIFICATE, Cause.CERTIFICATE_EXPIRED)
_ETCD = (Cause.CONTROL_BLOCKED, *_TRUST)
_NOBODY = Hidden(_ETCD, "nobody is there to open a connection to, or to show a certificate")
_OWN = (
    Cause.AGENT_HUNG,
    Cause.AGENT_DOWN,
    Cause.APISERVER_GONE,
    Cause.DNS_GONE,
    Cause.RELAY_GONE,
    Cause.COMPONENT_SHORT,
    Cause.PODS_NOT_READY,
    Cause.CONTROLLERS_FAILING,
)

HIDES: Mapping[Cause, tuple[Hidden, ...]] = MappingProxyType(
    {
        Cause.LINK_CUT: (
            Hidden(
                (Cause.ONE_WAY, Cause.OVERLAY_BLOCKED, Cause.MTU, Cause.LOSSY, Cause.SLOW),
                "no packet arrives, so none tells a direction, a port, a size, a loss or a delay",
            ),
            Hidden(_ETCD, "no connection to the other's etcd opens, so nobody shows a certificate"),
        ),
        Cause.ONE_WAY: (
            Hidden((Cause.MTU, Cause.SLOW), "no handshake ends, so nothing large is sent and nothing is timed"),
            Hidden(_ETCD, "no connection to the other's etcd opens, so nobody shows a certificate"),
        ),
        Cause.MTU: (Hidden(_TRUST, "a certificate is sent in large packets, which are lost"),),
        Cause.CONTROL_BLOCKED: (Hidden(_TRUST, "no connection opens on which a certificate is shown"),),
        Cause.WRONG_ADDRESS: (
            Hidden(_ETCD, "nobody asks at the right address, so it shows neither itself nor a certificate"),
        ),
        Cause.APISERVER_GONE: (_NOBODY,),
        Cause.NODE_DOWN: (
            Hidden((Cause.AGENT_HUNG, Cause.AGENT_DOWN), "no process runs on a node that is down"),
            Hidden(_ETCD, "the cluster's only clustermesh-apiserver was on that node"),
        ),
        Cause.AGENT_DOWN: (Hidden((Cause.AGENT_HUNG,), "there is no process that could hang"),),
        Cause.API_GONE: (Hidden(_OWN, "only its API server tells of it, and agents are asked through it"),),
    }
)
"""Cause → what it hides. NODE_DOWN hides the ways to etcd, and MTU certificates, only where that holds."""


def hidden_by(trouble: Trouble, *, etcd: bool = True) -> Trouble:
    """The trouble with what it hides. `etcd`: whether it stands in the way to the other's etcd as well."""
    found = [h for h in HIDES.get(trouble.cause, ()) if etcd or not set(h.causes) & set(_ETCD)]
    causes = tuple(cause for hidden in found for cause in hidden.causes)
    return replace(trouble, hides=causes, hiding="; ".join(_words(hidden) for hidden in found))


def _words(hidden: Hidden) -> str:
    names = [f"“{cause.value}”" for cause in hidden.causes]
    told = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return f"{told} ({hidden.reason})"
