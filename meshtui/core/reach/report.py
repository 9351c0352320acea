"""Who answers, who is refused by what and what is not known, as plain data for `-o json`."""

from __future__ import annotations

from typing import Any

from meshtui.core.reach.model import Reach, Stop


def fate(reached: Reach) -> dict[str, Any]:
    """Who will answer, who is refused by what, and what is not known, as plain data."""
    return {
        "clients": reached.clients.words,
        "answering": sorted(reached.answering),
        "answered_shares": reached.shares,
        "refused": {name: [_stop(stop) for stop in stops] for name, stops in reached.refused.items()},
        "not_known": {name: [_stop(stop) for stop in stops] for name, stops in reached.unknown.items()},
        "dns": {True: "allowed", False: "denied", None: "not known"}[reached.names.passes],
    }


def _stop(stop: Stop) -> dict[str, Any]:
    policies = [f"{ref.namespace}/{ref.name}".lstrip("/") for ref in stop.policies]
    return {
        "at": stop.cluster,
        "direction": stop.direction.value,
        "policies": policies,
        "why": stop.text,
        "fix": stop.fix,
    }
