"""Which Cilium a cluster runs: what its agents say of themselves, else its Relay, else what its image is called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

Version = tuple[int, int]
"""(major, minor)."""

UNKNOWN: Version = (0, 0)
OLDEST: Version = (1, 17)
NEWEST: Version = (1, 21)
"""Cilium's rules are known of these and of all between."""
_NUMBERS = re.compile(r"(?:^|[\s(v-])(\d+)\.(\d+)\.\d+")


def parse(text: str) -> Version:
    """Of `1.20.0-dev (v1.20.0-dev-26d721f0fe)`, of `cilium v1.17.4+g…`; UNKNOWN where there is none."""
    found = _NUMBERS.search(text)
    return (int(found[1]), int(found[2])) if found else UNKNOWN


def common(texts: Iterable[str]) -> Version:
    """The version most of them say, the older of two that as many say: in an upgrade the rules follow the agents."""
    counts = Counter(version for text in texts if (version := parse(text)) != UNKNOWN)
    return min(counts, key=lambda version: (-counts[version], version), default=UNKNOWN)


def decide(agents: Iterable[str], relay: Iterable[str], declared: Version) -> Version:
    """What runs. `agents`: what they say of themselves; `relay`: what it says of the cluster's nodes; `declared`: by
    the image's tag or the chart.
    """
    return next((found for found in (common(agents), common(relay)) if found != UNKNOWN), declared)


def nearest(version: Version) -> Version:
    """The version whose rules are taken: its own where they are known, else the nearest known, else the newest."""
    return NEWEST if version == UNKNOWN else min(max(version, OLDEST), NEWEST)


def shown(version: Version) -> str:
    """`1.20`, or that it is not known."""
    return f"{version[0]}.{version[1]}" if version != UNKNOWN else "unknown"
