"""Reads what the load script writes, piece by piece, into requests."""

from __future__ import annotations

import json
import re
from typing import Any

from meshtui.core.load.script import boundary
from meshtui.core.load.spec import Answer, LoadSpec, Request

RECORD_LIMIT = 65536
"""A record that has not ended by then is not one."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")
_HEAD = re.compile(rb"HTTP/[\d.]+ \d{3}.*?\r?\n\r?\n", re.DOTALL)
_BY_CODE = {
    0: Answer.ANSWERED,
    5: Answer.DNS_FAILED,
    6: Answer.DNS_FAILED,
    7: Answer.REFUSED,
    28: Answer.TIMED_OUT,
    52: Answer.RESET,
    56: Answer.RESET,
}
_WGET_WORDS = (
    ("bad address", Answer.DNS_FAILED),
    ("unable to resolve", Answer.DNS_FAILED),
    ("refused", Answer.REFUSED),
    ("timed out", Answer.TIMED_OUT),
    ("reset", Answer.RESET),
)


class Parser:
    """Framing of one run's output. `client` is `curl` or `wget` once known; `problem` says why there is neither."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self._word = boundary(spec).encode()
        self._token = re.compile(re.escape(self._word) + rb"([wxet])(.*?)" + re.escape(self._word) + rb"\.", re.DOTALL)
        self._buffer = bytearray()
        self.client = ""
        self.problem = ""
        self.hint = ""
        self.complete = False
        """Whether the script said that it made all requests."""

    def feed(self, data: bytes, at: float = 0.0) -> list[Request]:
        """Requests that `data` completes; `at` is the wall time it arrived."""
        self._buffer += data
        found: list[Request] = []
        while (taken := self._next(found, at)) > 0:
            del self._buffer[:taken]
        return found

    def _next(self, found: list[Request], at: float) -> int:
        """Take one marker from the buffer's start; how many bytes are done with, 0 for: wait for more."""
        word = self._word
        start = self._buffer.find(word)
        if start < 0:
            return max(0, len(self._buffer) - len(word))
        if start > 0:
            return start
        kind = bytes(self._buffer[len(word) : len(word) + 1])
        if kind == b"+":
            return self._record(found, at)
        if kind in (b"*", b"!", b"="):
            return self._notice(kind)
        return len(word) if kind else 0

    def _notice(self, kind: bytes) -> int:
        end = self._buffer.find(b"\n")
        if end < 0:
            return 0
        if kind == b"*":
            self.client = self._buffer[len(self._word) + 1 : end].decode("ascii", "replace").strip()
        elif kind == b"=":
            self.complete = True
        else:
            needs_curl = self._spec.method != "GET" or self._spec.headers or self._spec.body
            tools = "curl, which this request needs" if needs_curl else "neither curl nor wget"
            self.problem = f"the client's container has {'no ' if needs_curl else ''}{tools}"
            self.hint = "choose a client whose image has curl, such as x-wing of the lab (`meshtui lab step deployed`)"
        return end + 1

    def _record(self, found: list[Request], at: float) -> int:
        end = self._buffer.find(self._word + b"-")
        if end < 0:
            return len(self._word) if len(self._buffer) > RECORD_LIMIT else 0
        number, bar, mixed = bytes(self._buffer[len(self._word) + 1 : end]).partition(b"|")
        if bar and number.isdigit():
            found.append(self._request(int(number), mixed, at))
        return end + len(self._word) + 1

    def _request(self, number: int, mixed: bytes, at: float) -> Request:
        tokens = {kind.decode(): value.decode("utf-8", "replace") for kind, value in self._token.findall(mixed)}
        body = self._token.sub(b"", mixed)
        code = _integer(tokens.get("x", ""), 1)
        if "t" in tokens:
            return self._from_wget(number, code, tokens, body, at)
        told = (tokens.get("w", "").split("|") + [""] * 9)[:9]
        status = _integer(told[0], 0)
        answer = _BY_CODE.get(code, Answer.FAILED)
        error = tokens.get("e", "")
        if answer is Answer.TIMED_OUT and "esolving timed out" in error:
            answer = Answer.DNS_FAILED
        cluster, attribution, body = self._who(body)
        return Request(
            number=number,
            at=at,
            answer=answer,
            exit_code=code,
            status=status,
            seconds=_seconds(told[1]),
            local_ip=told[4],
            local_port=max(0, _integer(told[5], 0)),
            remote=f"{told[6]}:{told[7]}" if told[6] else "",
            body=body.decode("utf-8", "replace"),
            cluster=cluster,
            attribution=attribution,
            story="" if answer is Answer.ANSWERED else error.removeprefix(f"curl: ({code}) ").strip(),
        )

    def _from_wget(self, number: int, code: int, tokens: dict[str, str], body: bytes, at: float) -> Request:
        error = tokens.get("e", "")
        status = re.search(r"HTTP/[\d.]+ (\d{3})|ERROR (\d{3})", error)
        seconds = _integer(tokens["t"], 0) / 100
        answer = Answer.ANSWERED if code == 0 or status else None
        answer = answer or next((a for words, a in _WGET_WORDS if words in error), None)
        if answer is None:
            answer = Answer.TIMED_OUT if seconds >= self._spec.max_time else Answer.FAILED
        cluster, attribution, body = self._who(body)
        return Request(
            number=number,
            at=at,
            answer=answer,
            exit_code=code,
            status=int(status.group(1) or status.group(2)) if status else (200 if code == 0 else 0),
            seconds=seconds,
            body=body.decode("utf-8", "replace"),
            cluster=cluster,
            attribution=attribution,
            story="" if answer is Answer.ANSWERED else error.removeprefix("wget: ").strip(),
        )

    def _who(self, body: bytes) -> tuple[str, str, bytes]:
        """Cluster, how we know, and the body without response headers."""
        spec = self._spec
        headers = b""
        if spec.cluster_header or spec.method == "HEAD":
            while match := _HEAD.match(body):
                headers, body = match.group(), body[match.end() :]
        if spec.cluster_header:
            value = header(headers, spec.cluster_header)
            if value:
                return cluster_name(value), "header", body
        value = named_in_body(body, spec.cluster_field)
        return (cluster_name(value), "body", body) if value else ("", "", body)


def header(head: bytes, name: str) -> str:
    """The value of one header in a response head, empty if it is not there."""
    match = re.search(rb"^" + re.escape(name.encode()) + rb":[ \t]*(.*?)[ \t]*\r?$", head, re.IGNORECASE | re.MULTILINE)
    return match.group(1).decode("utf-8", "replace") if match else ""


def named_in_body(body: bytes, field: str) -> str:
    """The text of a JSON body's top-level `field`; also of a body cut off after it. Empty if it has none."""
    if not field or field.encode() not in body:
        return ""
    text = body.decode("utf-8", "replace")
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        match = re.search(r'"' + re.escape(field) + r'"\s*:\s*"([^"\\]{1,200})"', text)
        return match.group(1) if match else ""
    value = document.get(field) if isinstance(document, dict) else None
    return value if isinstance(value, str) else ""


def cluster_name(value: str) -> str:
    """A name as Cilium writes it (lower case) when it can be one, else as the answer says it."""
    lowered = value.strip().lower()
    return lowered if _NAME.fullmatch(lowered) else value.strip()[:64]


def _integer(text: str, default: int) -> int:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else default


def _seconds(text: str) -> float:
    """Seconds as curl prints them; old versions use the locale's comma."""
    return float(text.replace(",", ".")) if re.fullmatch(r"\d{1,9}([.,]\d+)?", text) else 0.0
