"""Who is asking: client certificates, bearer tokens and impersonation."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtui.sim.api.errors import unauthorized

if TYPE_CHECKING:
    from aiohttp import web

AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True, slots=True)
class User:
    """A user and the groups it is in."""

    name: str
    groups: tuple[str, ...] = ()


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


def admin() -> User:
    """Whom the kubeconfig makes you."""
    return User("kubernetes-admin", ("system:masters", AUTHENTICATED))


def service_account(namespace: str, name: str) -> User:
    """A ServiceAccount as a user."""
    return User(
        f"system:serviceaccount:{namespace}:{name}",
        ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED),
    )


class Tokens:
    """Bearer tokens given out and who they stand for."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}

    def issue(self, user: User) -> str:
        """A new random token for a user."""
        token = secrets.token_urlsafe(32)
        self._users[token] = user
        return token

    def user(self, token: str) -> User | None:
        """Whose token it is, compared in constant time."""
        found = None
        for known, user in self._users.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = user
        return found


def authenticate(request: web.Request, tokens: Tokens) -> User:
    """The user behind a request, anonymous without credentials. Raises ApiError 401."""
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        user = tokens.user(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return user
    transport = request.transport
    certificate = transport.get_extra_info("peercert") if transport else None
    if not certificate:
        return ANONYMOUS
    pairs = [pair for rdn in certificate.get("subject", ()) for pair in rdn]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = tuple(value for key, value in pairs if key == "organizationName")
    return User(name, (*groups, AUTHENTICATED))


def impersonated(request: web.Request) -> User | None:
    """The user a request asks to act as (`kubectl --as`), or None."""
    name = request.headers.get("Impersonate-User", "")
    if not name:
        return None
    groups = tuple(request.headers.getall("Impersonate-Group", []))
    if name.startswith("system:serviceaccount:") and not groups and name.count(":") == 3:
        _, _, namespace, account = name.split(":")
        return service_account(namespace, account)
    return User(name, tuple(dict.fromkeys((*groups, AUTHENTICATED))))
