"""Which names a pod may ask DNS for, where the proxy holds its questions against rules."""

from __future__ import annotations

import re
from functools import lru_cache

from meshtui.core.policy.matching import Question, peers_match, port_matches
from meshtui.core.policy.model import Party, TrafficDirection
from meshtui.core.policy.rulebook import Rulebook

USUAL_DOMAIN = "cluster.local"


def askable(book: Rulebook, subject: Party, server: Party, protocol: str, port: int) -> tuple[str, ...] | None:
    """Patterns of the names that may be asked; None: any, because a rule lets the questions pass without a look.

    Of a connection that policies let pass. Source: pkg/policy/l4.go (rules without L7 beside others let all pass).
    """
    reading = book.reading(subject.context)
    question = Question(book.lookups, reading, subject, server, TrafficDirection.EGRESS, protocol, port)
    patterns: dict[str, None] = {}
    closed = False
    for rule in book.selecting(subject, TrafficDirection.EGRESS):
        closed = closed or TrafficDirection.EGRESS in rule.default_deny
        for entry in rule.entries[TrafficDirection.EGRESS]:
            if entry.deny or peers_match(entry, question) is False:
                continue
            if entry.ports is None:
                return None
            for each in entry.ports:
                if port_matches(each, question) is False:
                    continue
                if each.redirect is None or not each.redirect.names:
                    return None
                patterns.update(dict.fromkeys(each.redirect.names))
    return tuple(patterns) if closed and patterns else None


def may_ask(patterns: tuple[str, ...], service_key: str) -> bool:
    """Whether a Service's name is among these, in the usual domain or in one that a pattern itself names."""
    namespace, _, name = service_key.partition("/")
    domains = {USUAL_DOMAIN, *(each.partition(".svc.")[2] for each in patterns if ".svc." in each)}
    return any(
        _expression(each).fullmatch(f"{name}.{namespace}.svc.{domain}") for each in patterns for domain in domains
    )


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    """`*` is any part of one label, alone it is everything, `**.` before the rest is any number of labels.

    Source: pkg/fqdn/matchpattern/matchpattern.go.
    """
    text = pattern.lower().rstrip(".")
    if text == "*":
        return re.compile(".*")
    head = ""
    if text.startswith("**."):
        head, text = r"(?:[-a-z0-9_]+\.)+", text[3:]
    return re.compile(head + r"[-a-z0-9_]*".join(map(re.escape, text.split("*"))))
