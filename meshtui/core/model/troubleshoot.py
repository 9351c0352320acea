"""What `kvstoremesh-dbg troubleshoot` says: how far KVStoreMesh comes on its way to a remote cluster's etcd.

Its words are the only ones that name a cause: the agents' own `troubleshoot` sees the local cache and is always
content (recordings 01, 04, 09, 14, 15 of the faults; cilium pkg/clustermesh/kvstoremesh, pkg/kvstore/troubleshoot).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum

from msgspec import Struct
from msgspec.structs import astuple

from meshtui.core.text import clean


class Step(Enum):
    """Where on the way it stopped."""

    NONE = "nothing failed"
    CONFIG = "configuration"
    NAME = "name"
    TCP = "TCP connection"
    TLS = "TLS handshake"
    ETCD = "etcd"


class Certificate(Struct, frozen=True):
    """One certificate that KVStoreMesh trusts or shows. Times are seconds since the epoch, 0 when unreadable."""

    role: str
    """`root CA` or `client`."""
    subject: str
    issuer: str
    serial: str
    not_before: float
    not_after: float


class Troubleshot(Struct, frozen=True, eq=False):
    """One remote cluster, tried once."""

    cluster: str
    step: Step = Step.NONE
    error: str = ""
    """The first error in its own words, without the address it repeats."""
    endpoint: str = ""
    """`https://host:port` of the endpoint that failed, else of the first."""
    address: str = ""
    """What its host resolved to."""
    certificates: tuple[Certificate, ...] = ()
    etcd: str = ""
    """The remote etcd's cluster id, when it was reached: another one means another cluster."""
    at: float = 0.0
    """Wall time of the attempt. Two that say the same are equal, whenever they were made."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Troubleshot) and astuple(self)[:-1] == astuple(other)[:-1]

    def __hash__(self) -> int:
        return hash(astuple(self)[:-1])

    @property
    def passed(self) -> bool:
        """Whether the remote etcd answered."""
        return self.step is Step.NONE


_HEAD = re.compile(r'^Cluster "(.*)":$')
_ENDPOINT = re.compile(r"^\s+- (\w+://\S+)$")
_FAILED = "\N{CROSS MARK}"
_CERTIFICATES = {"Root CA": "root CA", "client certificates": "client"}


def parse(text: str, at: float = 0.0) -> tuple[Troubleshot, ...]:
    """Read its text, one entry for each cluster; what is not understood is left out."""
    found: list[Troubleshot] = []
    name, lines = "", list[str]()
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head is None:
            lines.append(line)
            continue
        if name:
            found.append(_one(name, lines, at))
        name, lines = head[1], []
    if name:
        found.append(_one(name, lines, at))
    return tuple(found)


def _one(name: str, lines: list[str], at: float) -> Troubleshot:
    endpoint = first = address = etcd = ""
    step, error = Step.NONE, ""
    for line in lines:
        words = line.strip()
        head = _ENDPOINT.match(line)
        if head:
            endpoint = head[1]
            first = first or endpoint
        elif "Hostname resolved to:" in words and not error:
            address = words.partition("resolved to:")[2].strip().partition(",")[0]
        elif "Etcd cluster ID:" in words:
            etcd = words.partition("ID:")[2].strip()
        elif words.startswith(_FAILED) and not error:
            step, error = _failure(words.removeprefix(_FAILED).strip())
            first = endpoint or first
    told = [clean(text, 400) for text in (error, first, address, etcd)]
    return Troubleshot(clean(name), step, told[0], told[1], told[2], _certificates(lines), told[3], at)


def _failure(words: str) -> tuple[Step, str]:
    low = words.lower()
    if "resolve" in low:
        return Step.NAME, words.partition(": ")[2] or words
    if "tcp connection" in low:
        return Step.TCP, words.rpartition(": connect: ")[2].rpartition(": ")[2]
    if "tls connection" in low or "x509" in low or "certificate" in low:
        return Step.TLS, re.sub(r"^Cannot establish TLS connection to \S+: ", "", words)
    if "etcd" in low or "connection" in low or "/version" in low:
        return Step.ETCD, words.partition(": ")[2] or words
    return Step.CONFIG, words


def _certificates(lines: list[str]) -> tuple[Certificate, ...]:
    found: list[Certificate] = []
    role, fields = "", dict[str, str]()

    def close() -> None:
        if fields:
            times = [_time(fields.get(key, "")) for key in ("Not before", "Not after")]
            found.append(
                Certificate(role, fields.get("Subject", ""), fields.get("Issuer", ""), fields["Serial"], *times)
            )
            fields.clear()

    for line in lines:
        title = next((title for title in _CERTIFICATES if title in line), None)
        if title:
            close()
            role = _CERTIFICATES[title]
        serial = re.match(r"^\s+- Serial number:\s+(\S+)", line)
        if serial:
            close()
            fields["Serial"] = serial[1]
        pair = re.match(r"^\s+(Subject|Issuer|Not before|Not after):\s+(.+)$", line)
        if pair and fields:
            fields[pair[1]] = pair[2].strip()
    close()
    return tuple(found)


def _time(text: str) -> float:
    """Go's `2029-11-27 16:07:57 +0000 UTC`."""
    try:
        return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
