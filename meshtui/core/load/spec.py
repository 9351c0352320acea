"""What a load test asks for and what came back, request by request."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct, field

from meshtui.core.errors import Exit
from meshtui.core.untold import Untold


class LoadSpec(Untold, frozen=True):
    """One run from one client workload in one cluster, or from this machine when `context` is empty."""

    url: str
    context: str = ""
    namespace: str = "default"
    workload: str = "x-wing"
    """Deployment name, or `pod/NAME`."""
    container: str = ""
    count: int = 10
    """Requests to make; 0 means until stopped."""
    concurrency: int = 1
    rate: float = 0.0
    """Requests per second in steady mode; 0 means as fast as they are answered."""
    duration: float = 0.0
    """Seconds after which steady mode ends; 0 means `count` decides."""
    max_time: float = 2.0
    """Seconds per request."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    cluster_field: str = "Cluster"
    """JSON field of the answer's body that names who answered; empty: do not look."""
    cluster_header: str = ""
    """Response header that names who answered; empty: do not look."""
    boundary: str = ""
    """Unguessable word that frames results in the exec's output, new for each run; empty: made from the rest."""
    http2: bool = False
    """From this machine only: speak HTTP/2, with prior knowledge where there is no TLS."""
    insecure: bool = False
    """From this machine only: do not verify the server's certificate."""

    @property
    def total(self) -> int:
        """Requests that will be made; 0 when only a person ends it."""
        if self.rate and self.duration:
            return max(1, round(self.rate * self.duration))
        return self.count


class Answer(Enum):
    """How one request ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    DNS_FAILED = "name not resolved"
    RESET = "reset"
    FAILED = "failed"


class Request(Struct, frozen=True):
    """One request's result."""

    number: int
    """1, 2, …"""
    at: float
    """Wall time when its result arrived here."""
    answer: Answer
    exit_code: int
    """curl's."""
    status: int
    """HTTP status, 0 if none."""
    seconds: float
    local_port: int = 0
    local_ip: str = ""
    remote: str = ""
    """ip:port curl connected to."""
    body: str = ""
    """First bytes of the body, uncleaned."""
    cluster: str = ""
    """Cilium cluster name of who answered, empty while unknown."""
    pod: str = ""
    node: str = ""
    attribution: str = ""
    """How we know: `body`, `header`, `flows`, or empty."""
    story: str = ""
    """A sentence for a request that failed."""


class LoadStarted(Struct, frozen=True):
    """The client pod is chosen and the exec stream is open."""

    spec: LoadSpec
    pod: str
    at: float


class LoadEnded(Struct, frozen=True):
    """The run is over; `problem` says why when it is not simply complete."""

    at: float
    problem: str = ""
    hint: str = ""
    cancelled: bool = False
    exit_code: Exit = Exit.DEGRADED
    """What a program that does nothing but this run ends with, where there is a problem."""


LoadEvent = LoadStarted | Request | LoadEnded


class Tools(Struct, frozen=True):
    """What a container has for a load test; `why` says why it cannot be told, or what is missing."""

    curl: bool = False
    wget: bool = False
    why: str = ""

    @property
    def usable(self) -> bool:
        """Whether requests can be made."""
        return self.curl or self.wget
