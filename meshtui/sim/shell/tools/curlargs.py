"""curl's command line: the options a load test or a person uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit


class Misused(Exception):
    """curl does not accept the command line; exit code 2."""


@dataclass
class Arguments:
    """What one curl was asked to do."""

    urls: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    silent: bool = False
    show_error: bool = False
    fail: bool = False
    include: bool = False
    verbose: bool = False
    location: bool = False
    parallel: bool = False
    write_out: str = ""
    method: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    max_time: float = 0.0
    connect_timeout: float = 0.0

    @property
    def verb(self) -> str:
        """The HTTP method."""
        return self.method or ("POST" if self.body is not None else "GET")


_SWITCHES = {
    "s": "silent", "silent": "silent", "S": "show_error", "show-error": "show_error", "f": "fail", "fail": "fail",
    "i": "include", "include": "include", "v": "verbose", "verbose": "verbose", "L": "location",
    "location": "location", "Z": "parallel", "parallel": "parallel",
}  # fmt: skip
_VALUES = {
    "o": "output", "output": "output", "w": "write_out", "write-out": "write_out", "m": "max_time",
    "max-time": "max_time", "connect-timeout": "connect_timeout", "X": "method", "request": "method",
    "H": "header", "header": "header", "d": "data", "data": "data", "data-raw": "data", "data-binary": "data",
    "url": "url", "A": "agent", "user-agent": "agent", "noproxy": "", "resolve": "", "retry": "", "proto": "",
}  # fmt: skip
_IGNORED = (
    "http1.1", "http1.0", "http2", "http2-prior-knowledge", "no-keepalive", "no-progress-meter", "g", "globoff", "k",
    "insecure", "4", "ipv4", "6", "ipv6", "q", "disable", "N", "no-buffer", "compressed", "path-as-is", "G", "get", "0",
)  # fmt: skip


def parse(words: list[str]) -> Arguments:
    """Read curl's arguments (without its name). Raises Misused."""
    found = Arguments()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            found.urls += rest
            break
        if word.startswith("--"):
            _option(found, word[2:], None, rest)
        elif word.startswith("-") and word != "-":
            _letters(found, word[1:], rest)
        else:
            found.urls.append(word)
    return found


def _letters(found: Arguments, letters: str, rest: list[str]) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _VALUES:
            _option(found, letter, letters or None, rest)
            return
        _option(found, letter, None, rest)


def _option(found: Arguments, name: str, value: str | None, rest: list[str]) -> None:
    if name in _SWITCHES:
        setattr(found, _SWITCHES[name], True)
        return
    if name in ("I", "head"):
        found.method, found.include = "HEAD", True
        return
    if name in _IGNORED:
        return
    if name not in _VALUES:
        raise Misused(f"option {'--' if len(name) > 1 else '-'}{name}: is unknown")
    if value is None:
        if not rest:
            raise Misused(f"option {'--' if len(name) > 1 else '-'}{name}: requires parameter")
        value = rest.pop(0)
    _assign(found, _VALUES[name], value)


def _assign(found: Arguments, what: str, value: str) -> None:
    if what == "output":
        found.outputs.append(value)
    elif what == "url":
        found.urls.append(value)
    elif what == "header":
        name, _, text = value.partition(":")
        found.headers[name.strip()] = text.strip()
    elif what == "data":
        found.body = value if found.body is None else f"{found.body}&{value}"
    elif what == "agent":
        found.headers["User-Agent"] = value
    elif what in ("max_time", "connect_timeout"):
        try:
            setattr(found, what, float(value))
        except ValueError:
            raise Misused("option: expected a proper numerical parameter") from None
    elif what:
        setattr(found, what, value)


@dataclass(frozen=True)
class Target:
    """A URL taken apart."""

    scheme: str
    host: str
    port: int
    path: str


def target(url: str) -> Target:
    """Take `url` apart; without a scheme it is http. Raises ValueError for one that is malformed."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if not parts.hostname:
        raise ValueError(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port, path)
