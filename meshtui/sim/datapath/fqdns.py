"""What the agents of a cluster learnt from DNS answers that passed their proxies: which address has which name."""

from __future__ import annotations

from meshtui.sim.datapath.view import View


class Learnt:
    """Names by address."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[str, ...]] = {}


def learn(known: View, query: str, ips: tuple[str, ...]) -> None:
    """Keep an answer that the DNS proxy saw."""
    held = known.cluster.part(Learnt, Learnt).names
    name = query.rstrip(".").lower()
    for ip in ips:
        if name not in held.get(ip, ()):
            held[ip] = (*held.get(ip, ()), name)


def names_of(known: View, ip: str) -> tuple[str, ...]:
    """Names that an address was the answer for."""
    return known.cluster.part(Learnt, Learnt).names.get(ip, ())
