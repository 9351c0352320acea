"""Envoy's part: HTTP rules that let a request pass or answer it with 403, and what it logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.datapath import events
from meshtui.sim.datapath.connection import ANSWER, HOP, Connection, Step
from meshtui.sim.datapath.events import Http, Observer
from meshtui.sim.datapath.policy import Decision
from meshtui.sim.datapath.servers import Answer

Object = dict[str, Any]
DENIED: Answer = (403, b"Access denied\r\n", {"Server": "envoy", "Content-Type": "text/plain", "Content-Length": "15"})
PROXY_PORT = 14100


def gatekeep(
    link: Connection,
    steps: list[Step],
    answer: Answer,
    method: str,
    path: str,
    url: str,
    headers: Mapping[str, str],
) -> tuple[list[Step], Answer]:
    """Steps and answer after HTTP rules of either side; unchanged where there are none."""
    for decision, observer, direction in (
        (link.egress, link.client, pb.EGRESS),
        (link.ingress, link.server, pb.INGRESS),
    ):
        rules = _rules(decision)
        if rules is None:
            continue
        passes = not rules or any(_matches(rule, method, path, headers) for rule in rules)
        steps = steps + _log(link, observer, direction, Http(method, url), passes, answer)
        if not passes:
            return [s for s in steps if not _beyond(s, link, direction)], DENIED
    return steps, answer


def _rules(decision: Decision) -> list[Object] | None:
    found = [l7 for l7 in decision.l7 if "http" in l7]
    return [rule for l7 in found for rule in l7["http"] or ()] if found else None


def _matches(rule: Object, method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Method, path and host are anchored regular expressions; headers must be there, with their value if given."""
    if rule.get("method") and not re.fullmatch(rule["method"], method):
        return False
    if rule.get("path") and not re.fullmatch(rule["path"], path):
        return False
    held = {k.lower(): v for k, v in headers.items()}
    if rule.get("host") and not re.fullmatch(rule["host"], held.get("host", "")):
        return False
    for wanted in rule.get("headers") or ():
        name, _, value = wanted.partition(" ")
        if name.rstrip(":").lower() not in held or (value and held[name.rstrip(":").lower()] != value.strip()):
            return False
    return True


def _log(link: Connection, observer: Observer, direction: int, asked: Http, passes: bool, answer: Answer) -> list[Step]:
    at = 4 * HOP + link.there + link.home
    question, reply = link.packet("PSH", "ACK"), link.packet("PSH", "ACK", reply=True)
    code = answer[0] if passes else 403
    done = Http(asked.method, asked.url, code, int(ANSWER * 1e9) if passes else 0)
    return [
        (HOP / 3, observer, events.proxied(observer, link.packet("SYN"), PROXY_PORT)),
        (at, observer, events.http(observer, question, asked, direction, refused=not passes)),
        (at + ANSWER, observer, events.http(observer, reply, done, direction)),
    ]


def _beyond(step: Step, link: Connection, direction: int) -> bool:
    """Whether a step lies behind a proxy that answered itself."""
    return direction == pb.EGRESS and link.remote and step[1] == link.server
