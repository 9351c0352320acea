"""What must not be told of one context: every value of its credentials, and how to hide them in any text."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from weakref import WeakSet

from meshtui.core.text import HIDDEN, clean, discreet

SHORTEST = 3
"""Shorter values are not hidden: every word would lose letters, and nobody could guess why."""
_LINE = 12
"""Lines and readable runs of a longer secret that are secret by themselves."""
_MOST = 64 * 1024
"""Bytes of an answer that are looked at for its words."""
_TELLING = re.compile(r"(?i)(token|secret|passw|pwd|key|credential)(?!.*(file|path|dir|url|type)$)")
_RIDDLE = re.compile(r"(?<![\w/?=&%.:@~+-])(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9_.~+=-]{32,}(?![\w/])")
_USER = ("token", "password", "client-key-data")


_CERTIFICATE = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_BLOB = re.compile(r"(?<![\w/+=-])[A-Za-z0-9+/_-]{64,}={0,2}(?![\w/+=-])")
"""What certificates and tokens look like on the wire; no name in Kubernetes is one unbroken word of that length."""


class Secrets:
    """Values that must not appear in words. Nothing of it appears in a repr."""

    def __init__(self) -> None:
        _ALL.add(self)
        self._known: set[str] = set()
        self._ordered: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Secrets({len(self._known)})"

    def keep(self, *values: str | bytes) -> None:
        """Hide these from now on, and the shapes they take in other programs' words."""
        for value in values:
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            self._known.update(form for form in _forms(text) if len(form) >= SHORTEST)
        self._ordered = tuple(sorted(self._known, key=len, reverse=True))

    def hide(self, text: str) -> str:
        """`text` without them and without what looks like one. Hide before cutting: half a secret is one, too."""
        for value in self._ordered:
            if value in text:
                text = text.replace(value, HIDDEN)
        return discreet(text)

    def words(self, body: bytes | str, limit: int) -> str:
        """Somebody's answer as words for a person: hidden, cleaned, at most `limit` characters."""
        text = body[:_MOST].decode("utf-8", "replace") if isinstance(body, bytes) else body
        return clean(self.hide(text).strip(), limit)

    def plugin_words(self, text: str) -> str:
        """What a plugin says, for a person to act on: links and codes stay, long riddles beside them are tokens."""
        return _RIDDLE.sub(HIDDEN, self.hide(text))

    def keep_user(self, user: Mapping[str, Any]) -> None:
        """Everything secret in a kubeconfig's user."""
        self.keep(*(str(user[key]) for key in _USER if user.get(key)))
        extra = user.get("as-user-extra")
        for values in extra.values() if isinstance(extra, Mapping) else ():
            self.keep(*(str(each) for each in _list(values) if len(str(each)) >= _LINE))
        provider = user.get("auth-provider")
        config = provider.get("config") if isinstance(provider, Mapping) else None
        for name, value in config.items() if isinstance(config, Mapping) else ():
            if _TELLING.search(str(name)):
                self.keep(str(value))
        plugin = user.get("exec")
        if isinstance(plugin, Mapping):
            self._keep_plugin(plugin)

    def _keep_plugin(self, plugin: Mapping[str, Any]) -> None:
        for variable in _list(plugin.get("env")):
            if isinstance(variable, Mapping) and _TELLING.search(str(variable.get("name"))):
                self.keep(str(variable.get("value") or ""))
        before = ""
        for word in map(str, _list(plugin.get("args"))):
            name, equals, value = word.partition("=")
            if equals and _TELLING.search(name):
                self.keep(value)
            elif before.startswith("-") and "=" not in before and _TELLING.search(before):
                self.keep(word)
            before = word

    def keep_url(self, url: str) -> None:
        """The user and password in a URL."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return
        if parts.password:
            self.keep(parts.password, unquote(parts.password))
            pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
            self.keep(pair, base64.b64encode(pair.encode()).decode())


_ALL: WeakSet[Secrets] = WeakSet()
"""Of every context in use."""


def postable(text: str) -> str:
    """`text` without any context's credentials, certificates, and what looks like either: safe to show to strangers."""
    for secrets in tuple(_ALL):
        text = secrets.hide(text)
    text = _CERTIFICATE.sub(HIDDEN, discreet(text))
    return _BLOB.sub(lambda found: found[0] if _is_path(found[0]) else HIDDEN, text)


def _is_path(word: str) -> bool:
    """Whether a long word is a path of short names."""
    return "/" in word and all(len(part) < _NAME for part in word.split("/"))


_NAME = 64
"""Characters of a name; DNS allows 63."""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _forms(value: str) -> Iterable[str]:
    """A secret, stripped, quoted, decoded, and each part that a line break or a foreign letter leaves of it."""
    stripped = value.strip()
    yield stripped
    yield quote(stripped, safe="")
    if "-----BEGIN" in stripped:
        yield from (line for line in stripped.splitlines() if len(line) >= _LINE and not line.startswith("-----"))
        return
    runs = re.findall(r"[!-~]+", stripped)
    if len(runs) > 1 or (runs and runs[0] != stripped):
        yield from (run for run in runs if len(run) >= SHORTEST + 1)
    if len(stripped) > 64:
        try:
            decoded = base64.b64decode(stripped, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return
        yield from (line for line in decoded.splitlines() if len(line) >= _LINE and not line.startswith("-----"))
