"""Routing and policy as one answer: who answers the clients of a service, who is refused by what, what is not known."""

from meshtui.core.reach.clients import USUAL, Basis, Clients, is_ready
from meshtui.core.reach.decide import Reaches, reach, reaches
from meshtui.core.reach.model import DnsAccess, Hop, Reach, Stop

__all__ = [
    "USUAL",
    "Basis",
    "Clients",
    "DnsAccess",
    "Hop",
    "Reach",
    "Reaches",
    "Stop",
    "is_ready",
    "reach",
    "reaches",
]
