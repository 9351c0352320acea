"""A pod's DNS traffic: to CoreDNS directly, or through the DNS proxy where an egress rule asks for it."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.datapath import events
from meshtui.sim.datapath.connection import HOP, Connection, Step, datagrams, opening
from meshtui.sim.datapath.events import Dns
from meshtui.sim.datapath.names import Lookup

NXDOMAIN, REFUSED = 3, 5
TTL = 5
"""Seconds CoreDNS lets answers from the cluster live."""


def permitted(link: Connection, query: str) -> bool:
    """Whether the DNS rules of the egress decision let a name pass."""
    rules = [rule for l7 in link.egress.l7 for rule in l7.get("dns") or ()]
    if not rules:
        return True
    name = query.rstrip(".").lower()
    return any(
        rule.get("matchName", "").rstrip(".").lower() == name
        or ("matchPattern" in rule and _fits(rule["matchPattern"].rstrip(".").lower(), name))
        for rule in rules
    )


def _fits(pattern: str, name: str) -> bool:
    """Label by label: a star stays within one, a lone one is every name, two in front are any labels there are."""
    if pattern == "*":
        return True
    wanted, given = pattern.split("."), name.split(".")
    if wanted[0] == "**" and len(given) >= len(wanted):
        wanted, given = wanted[1:], given[1 - len(wanted) :]
    return len(wanted) == len(given) and all(map(fnmatch.fnmatchcase, given, wanted))


def conversation(link: Connection, lookup: Lookup, proxy_port: int) -> Iterator[Step]:
    """One name asked for as AAAA and A over one socket."""
    if not link.egress.allowed or not link.ingress.allowed:
        for late in (0.0, HOP):
            for at, observer, template in opening(link):
                yield at + late, observer, template
    elif link.egress.proxied:
        yield from _proxied(link, lookup, proxy_port)
    else:
        yield from datagrams(link)


def _proxied(link: Connection, lookup: Lookup, proxy_port: int) -> Iterator[Step]:
    node, question, answer = link.client, link.packet(), link.packet(reply=True)
    yield 0.0, node, events.verdict(node, question, pb.EGRESS, link.egress)
    yield HOP / 4, node, events.proxied(node, question, proxy_port)
    passes = permitted(link, lookup.query)
    for count, qtype in enumerate(("AAAA", "A")):
        asked = Dns(lookup.query, qtype)
        yield 0.0003 + count * 0.0003, node, events.dns(node, question, asked, refused=not passes)
        if passes and not count:
            yield from _onward(link)
    if not passes:
        for count, qtype in enumerate(("AAAA", "A")):
            reply = Dns(lookup.query, qtype, response=True, rcode=REFUSED)
            yield 0.0009 + count * HOP, node, events.dns(node, answer, reply)
        return
    yield 0.0009, node, events.trace(node, answer, pb.TO_PROXY, reason=pb.REPLY)
    rcode = NXDOMAIN if lookup.ips is None else 0
    found = Dns(lookup.query, "A", True, lookup.ips or (), TTL if lookup.ips else 4294967295, rcode)
    yield 0.0012, node, events.dns(node, answer, found)
    yield 0.0015, node, events.dns(node, answer, Dns(lookup.query, "AAAA", True, rcode=rcode))


def _onward(link: Connection) -> Iterator[Step]:
    """The proxy's own packet, which carries on in the pod's name."""
    question = link.packet()
    if link.remote:
        yield 0.0004, link.client, events.trace(link.client, question, pb.TO_OVERLAY, reason=pb.NEW)
    if link.ingress.enforced:
        yield 0.00045, link.server, events.verdict(link.server, question, pb.INGRESS, link.ingress)
    yield 0.0005, link.server, events.trace(link.server, question, pb.TO_ENDPOINT, reason=pb.NEW)
