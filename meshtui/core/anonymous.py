"""Stable stand-ins for names, so that a log can be shown to strangers: the same name is the same stand-in."""

from __future__ import annotations

import re

_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])(?=[0-9a-fA-F:]*:[0-9a-fA-F:]*:)[0-9a-fA-F:]{3,39}(?:%\w+)?(?![\w:])")
_HOST = re.compile(r"(?<=://)[^\s/:?#\"']+")
_PART = re.compile(r"(/(namespaces|pods|services|nodes|deployments)/)([a-z0-9][a-z0-9.-]*)")
_HOME = re.compile(r"(?<=/home/)[^/\s]+|(?<=/Users/)[^/\s]+")
_MAC = re.compile(r"(?i)(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])")
_TIME = re.compile(r"^\d{1,2}:\d{2}(:\d{2})?$")
SHORTEST = 2
"""Shorter names stay: replacing a letter everywhere leaves nothing to read."""


class Pseudonyms:
    """Names that were learned, and what stands for each: `cluster-1`, `pod-3`, `ip-2`."""

    def __init__(self) -> None:
        self._stands: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._pattern: re.Pattern[str] | None = None

    def learn(self, kind: str, name: str) -> None:
        """From now on `name` is replaced; the first kind it is learned as stays."""
        if len(name) >= SHORTEST and name not in self._stands:
            self._stand(kind, name)
            self._pattern = None

    def replace(self, text: str) -> str:
        """`text` with the stand-ins of all learned names, of addresses, of hosts in URLs and of names in API paths."""
        text = _HOST.sub(lambda found: self._stand("host", found[0]), text)
        text = _PART.sub(lambda found: found[1] + self._stand(found[2].removesuffix("s"), found[3]), text)
        text = _HOME.sub(lambda found: self._stand("user", found[0]), text)
        if self._stands:
            text = self._known().sub(lambda found: self._stands.get(found[0], found[0]), text)
        text = _MAC.sub(lambda found: self._stand("mac", found[0]), text)
        text = _IPV4.sub(lambda found: self._stand("ip", found[0]), text)
        return _IPV6.sub(lambda f: f[0] if _TIME.match(f[0]) else self._stand("ip", f[0]), text)

    def _stand(self, kind: str, name: str) -> str:
        stand = self._stands.get(name)
        if stand is None:
            if name in self._stands.values():
                return name
            self._counts[kind] = self._counts.get(kind, 0) + 1
            stand = self._stands[name] = f"{kind}-{self._counts[kind]}"
            self._pattern = None
        return stand

    def _known(self) -> re.Pattern[str]:
        if self._pattern is None:
            # A name may be part of a longer one that was not learned, as a Deployment's is of its pods'.
            longest = sorted(self._stands, key=len, reverse=True)
            self._pattern = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(map(re.escape, longest)) + r")(?![A-Za-z0-9])")
        return self._pattern
