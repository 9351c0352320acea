"""The one exception tree: every failure a person can meet, with its cause and the next step.

MeshtuiError
├── UsageError                the command line or a value typed is wrong                    exit 2
│   ├── AlreadySo             nothing needs changing: it is as asked                         exit 0
│   └── ConfigError           kubeconfig or config file missing, unreadable, inconsistent   exit 2
├── ClusterError              one request to one API server failed
│   ├── Unreachable           no answer: refused, no route, DNS                             exit 3
│   │   └── CertificateRejected   TLS failed: expired, unknown authority, wrong name        exit 3
│   ├── CredentialFailed      an exec plugin or token source failed                         exit 3
│   │   └── LoginAwaited      a plugin waits for a person                                   exit 3
│   ├── Unauthorized          401                                                           exit 3
│   ├── TimedOut              no answer within the request timeout                          exit 4
│   ├── Forbidden             403                                                           exit 5
│   ├── NotFound              404
│   ├── Conflict              409
│   ├── Expired               410, the watch must list again
│   ├── Invalid               422 and 400
│   ├── ServerFailed          any other status
│   └── ExecFailed            a command in a container could not be started or was cut off
├── RelayError                one Hubble Relay
│   ├── RelayAbsent           the cluster has none
│   ├── RelayUnreachable      it is there and does not answer                               exit 3
│   │   └── RelayHeldUp           not in time: a peer of its holds it up                        exit 3
│   └── RelayRefused          it answers, and does not accept the request                   exit 5
├── Refused                   meshtui itself will not do it                                 exit 5
│   ├── ReadOnly              --read-only, or the context is configured so
│   ├── Protected             the context wants its name typed
│   └── Unconfirmed           a person must say yes first
└── CheckFailed               an assertion or a health check did not hold                   exit 1
"""

from __future__ import annotations

from enum import IntEnum

from meshtui.core.text import discreet


class Exit(IntEnum):
    """The command line's exit codes."""

    OK = 0
    DEGRADED = 1
    USAGE = 2
    CANNOT_CONNECT = 3
    TIMED_OUT = 4
    REFUSED = 5
    INTERRUPTED = 130


class MeshtuiError(Exception):
    """A failure told in a sentence (`title`), its `cause`, and the next step (`hint`).

    All three pass `core.text.discreet`: what looks like a credential is in no failure, whoever raised it.
    """

    exit_code: Exit = Exit.DEGRADED

    def __init__(self, title: str, *, cause: str = "", hint: str = "") -> None:
        self.title = discreet(title)
        self.cause = discreet(cause)
        self.hint = discreet(hint)
        super().__init__(self.title)

    def __str__(self) -> str:
        return f"{self.title}: {self.cause}" if self.cause else self.title


class UsageError(MeshtuiError):
    """The command line or a typed value is wrong."""

    exit_code = Exit.USAGE


class AlreadySo(UsageError):
    """Nothing needs changing: it is as asked."""

    exit_code = Exit.OK


class ConfigError(UsageError):
    """A kubeconfig or config file is missing, unreadable or inconsistent."""


class TooManyContexts(ConfigError):
    """There are more contexts than are shown unasked: a person must choose."""


class ClusterError(MeshtuiError):
    """One request to one cluster's API server failed."""

    def __init__(
        self,
        title: str,
        *,
        context: str,
        verb: str = "",
        resource: str = "",
        status: int = 0,
        cause: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(title, cause=cause, hint=hint)
        self.context = context
        self.verb = verb
        self.resource = resource
        self.status = status


class Unreachable(ClusterError):
    """The API server gave no answer."""

    exit_code = Exit.CANNOT_CONNECT


class CertificateRejected(Unreachable):
    """TLS failed: expired, unknown authority or wrong name."""


class CredentialFailed(ClusterError):
    """An exec plugin or token source failed."""

    exit_code = Exit.CANNOT_CONNECT


class LoginAwaited(CredentialFailed):
    """A plugin is at work and waits for a person: no failure yet, and not started again."""


class Unauthorized(ClusterError):
    """401: the API server does not accept the credentials."""

    exit_code = Exit.CANNOT_CONNECT


class TimedOut(ClusterError):
    """No answer within the request timeout."""

    exit_code = Exit.TIMED_OUT


class Forbidden(ClusterError):
    """403: the credentials are good, the right is missing."""

    exit_code = Exit.REFUSED


class NotFound(ClusterError):
    """404."""


class Conflict(ClusterError):
    """409: the object changed since it was read."""


class Expired(ClusterError):
    """410: the resourceVersion is too old, list again."""


class Invalid(ClusterError):
    """422 or 400: the API server does not accept the object or request."""


class ServerFailed(ClusterError):
    """Any other status."""


class ExecFailed(ClusterError):
    """A command in a container could not be started, or was cut off."""


class RelayError(MeshtuiError):
    """One Hubble Relay failed."""

    def __init__(self, title: str, *, context: str, cause: str = "", hint: str = "") -> None:
        super().__init__(title, cause=cause, hint=hint)
        self.context = context


class RelayAbsent(RelayError):
    """The cluster has no Hubble Relay."""


class RelayUnreachable(RelayError):
    """The Relay is there and does not answer."""

    exit_code = Exit.CANNOT_CONNECT


class RelayHeldUp(RelayUnreachable):
    """It takes the connection and does not answer in time: as a rule it waits for a peer that it cannot reach."""


class RelayRefused(RelayError):
    """The Relay answers, and does not accept the request or the credentials."""

    exit_code = Exit.REFUSED


class Refused(MeshtuiError):
    """meshtui itself will not do it."""

    exit_code = Exit.REFUSED


class ReadOnly(Refused):
    """--read-only, or the context is configured so."""


class Protected(Refused):
    """The context wants its name typed."""


class Unconfirmed(Refused):
    """A person must say yes first."""


class CheckFailed(MeshtuiError):
    """An assertion or a health check did not hold."""


def mistake(error: BaseException) -> MeshtuiError:
    """A failure nobody foresaw, told like any other."""
    return MeshtuiError(
        "meshtui made a mistake",
        cause=f"{type(error).__name__}: {error}",
        hint="please report it; nothing else stopped",
    )


def leaves(error: BaseException) -> list[BaseException]:
    """The errors inside of groups, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]
