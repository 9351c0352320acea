"""Who we are to one API server: certificate, token, plugin; fetched, kept fresh, never shown.

Certificates, tokens and basic auth are data in the kubeconfig and are read as such, in a millisecond. Exec plugins
are run by `kube.logins`, the one auth-provider that is left (OIDC) by `kube.providers`.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from meshtui.core.clock import Clock
from meshtui.core.errors import ConfigError, CredentialFailed, LoginAwaited, MeshtuiError
from meshtui.core.text import clean
from meshtui.core.untold import Untold
from meshtui.kube import execplugin, tls
from meshtui.kube.execplugin import Answer, Plugin
from meshtui.kube.kubeconfig import Target
from meshtui.kube.logins import LOGIN_PAUSE, LoginFailed, Logins
from meshtui.kube.secrets import Secrets

RELOAD_TOKEN_FILE = 60.0
"""Seconds after which a token file is read again: kubelet rotates it in place."""
PAUSE_BETWEEN_RENEWALS = 30.0
"""Seconds for which a 401 does not run a plugin again: many watches may meet it at once."""
_EXPIRY_MARGIN = 10.0
_SHORTEST_LIFE = 5.0
_FAILURE_LASTS = 2.0


class Credentials(Untold, frozen=True):
    """What is shown to the server. Nothing of it appears in a repr."""

    authorization: str = ""
    cert: bytes = b""
    key: bytes = b""
    expires: float | None = None
    """Wall time after which to fetch anew, None for never."""


class Source:
    """Credentials of one context, renewed when they expire or the server says 401; one renewal at a time."""

    def __init__(
        self,
        target: Target,
        context: ssl.SSLContext | None,
        env: Mapping[str, str],
        secrets: Secrets,
        *,
        timeout: float,
        clock: Clock,
        logins: Logins | None = None,
    ) -> None:
        self._target = target
        self._ssl = context
        self._env = env
        self._secrets = secrets
        self._timeout = timeout
        self._clock = clock
        self._logins = logins
        self._plugin: Plugin | None = None
        self._answer: Answer | None = None
        self._lock = asyncio.Lock()
        self._current: Credentials | None = None
        self._fetched = 0.0
        self._failure: MeshtuiError | None = None
        self._failed_at = 0.0
        self.generation = 0
        """How often credentials were fetched: names the ones a rejected request used."""

    @property
    def certificate(self) -> bytes:
        """The client certificate in use (PEM), empty when there is none. Not secret."""
        return self._current.cert if self._current else b""

    @property
    def awaited(self) -> LoginAwaited | None:
        """What a plugin of ours is doing, while it makes everybody wait."""
        running = self._logins is not None and self._plugin is not None
        return self._logins.awaited(self._plugin) if running else None  # type: ignore[union-attr, arg-type]

    def close(self) -> None:
        """Wait for no plugin any more."""
        if self._logins is not None:
            self._logins.leave(self)

    def forgive(self) -> None:
        """A person asks: a login that failed is begun again with the next request."""
        self._failure = None

    @property
    def renewable(self) -> bool:
        """Whether fetching again can give something else than before."""
        user = self._target.user
        runs = user.value.get("exec") or user.value.get("auth-provider") or user.text("tokenFile")
        return bool(runs) and not user.text("token")

    async def headers(self) -> list[tuple[str, str]]:
        """Authorization and impersonation headers, fresh; raises CredentialFailed or ConfigError."""
        current = self._current
        if current is None or self._expired(current):
            async with self._lock:
                current = self._current
                if current is None or self._expired(current):
                    current = await self._try()
        return _headers(current, self._target)

    async def renew(self, used: int) -> bool:
        """After a 401 to the credentials of generation `used`: whether there are others to try now."""
        if not self.renewable:
            return False
        async with self._lock:
            if self.generation != used:
                return True
            if self._clock.monotonic() - self._fetched < PAUSE_BETWEEN_RENEWALS and used > 1:
                return False
            await self._fetch()
            return True

    def _expired(self, credentials: Credentials) -> bool:
        return credentials.expires is not None and self._clock.now() >= credentials.expires

    async def _try(self) -> Credentials:
        """Fetch, but let those who waited for a fetch that failed share its failure instead of repeating it."""
        now = self._clock.monotonic()
        lasts = LOGIN_PAUSE if isinstance(self._failure, LoginFailed) else _FAILURE_LASTS
        if self._failure is not None and now - self._failed_at < lasts:
            raise self._failure
        try:
            self._failure = None
            return await self._fetch()
        except MeshtuiError as error:
            self._failure, self._failed_at = error, self._clock.monotonic()
            raise

    async def _fetch(self) -> Credentials:
        user = self._target.user
        said = user.text("token") or user.text("tokenFile")
        if isinstance(user.value.get("exec"), Mapping) and not said:
            credentials = await self._from_plugin()
        elif isinstance(user.value.get("auth-provider"), Mapping) and not said:
            from meshtui.kube import providers

            credentials = self._taken(await providers.ask(self._target, self._env, self._timeout, self._secrets))
        else:
            credentials = await asyncio.to_thread(_static, self._target, self._clock.now(), self._secrets)
        if credentials.cert and self._ssl is not None and credentials != self._current:
            show = tls.show_certificate
            await asyncio.to_thread(show, self._ssl, credentials.cert, credentials.key, self._target.context)
        self._current = credentials
        self._fetched = self._clock.monotonic()
        self.generation += 1
        return credentials

    async def _from_plugin(self) -> Credentials:
        if self._plugin is None:
            self._plugin = execplugin.plugin_of(self._target, self._env, self._secrets)
        if self._logins is None:
            self._logins = Logins()
        self._answer = await self._logins.ask(self, self._plugin, self._answer, self._timeout)
        return self._taken(self._answer)

    def _taken(self, answer: Answer) -> Credentials:
        self._secrets.keep(answer.token, answer.key)
        return Credentials(
            authorization=_bearer(answer.token, self._target.context, "the plugin's token") if answer.token else "",
            cert=answer.cert.encode(),
            key=answer.key.encode(),
            expires=_deadline(answer.expires, self._clock.now()),
        )


def _bearer(token: str, context: str, what: str = "the token") -> str:
    """`Bearer TOKEN`; a header takes no line break and nothing but ASCII. Raises CredentialFailed without the token."""
    token = token.strip()
    if token.isascii() and token.isprintable() and " " not in token:
        return f"Bearer {token}"
    wrong = "a letter that is not ASCII" if not token.isascii() else "a space, a line break or a control character"
    raise CredentialFailed(
        f"{what} of context {clean(context)} cannot be sent",
        context=context,
        cause=f"it holds {wrong} in the middle",
        hint="copy the token again, in one piece, or take the kubeconfig from its source",
    )


def _static(target: Target, now: float, secrets: Secrets) -> Credentials:
    user = target.user
    cert = tls.pem(user, "client-certificate", target.context)
    key = tls.pem(user, "client-key", target.context)
    secrets.keep(key)
    if bool(cert) != bool(key):
        missing, there = ("client-key", "client-certificate") if cert else ("client-certificate", "client-key")
        raise ConfigError(
            f"context {clean(target.context)} has a {there} but no {missing}",
            hint="take the kubeconfig from its source again",
        )
    token, expires = user.text("token"), None
    if not token and user.text("tokenFile"):
        token, expires = _token_file(user.path("tokenFile") or Path(), target.context), now + RELOAD_TOKEN_FILE
        secrets.keep(token)
    if token:
        return Credentials(_bearer(token, target.context), cert, key, expires)
    pair = (user.text("username"), user.text("password")) if user.text("username") else target.userinfo
    if pair is None:
        return Credentials("", cert, key, expires)
    basic = base64.b64encode(":".join(pair).encode()).decode()
    secrets.keep(basic)
    return Credentials(f"Basic {basic}", cert, key, expires)


def _token_file(path: Path, context: str) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialFailed(
            f"cannot read the token file of {clean(context)}",
            context=context,
            cause=f"{clean(str(path))}: {getattr(error, 'strerror', None) or 'not text'}",
            hint="it is named by the kubeconfig's tokenFile",
        ) from None


def _headers(credentials: Credentials, target: Target) -> list[tuple[str, str]]:
    headers = [("Authorization", credentials.authorization)] if credentials.authorization else []
    user = target.user
    said = [("Impersonate-User", user.text("as")), ("Impersonate-Uid", user.text("as-uid"))]
    said += [("Impersonate-Group", str(group)) for group in user.value.get("as-groups") or ()]
    extra = user.value.get("as-user-extra")
    for key, values in extra.items() if isinstance(extra, Mapping) else ():
        name = f"Impersonate-Extra-{quote(str(key), safe='')}"
        said += [(name, str(value)) for value in (values if isinstance(values, list) else [values])]
    if len(said) > 2 or user.text("as-uid"):
        _check_impersonation(user.text("as"), target.context)
    for name, value in said:
        if value:
            headers.append((name, _value(name, value, target.context)))
    return headers


def _check_impersonation(user: str, context: str) -> None:
    """The API server takes groups, uid and extras only for a named user."""
    if not user:
        raise ConfigError(
            f"context {clean(context)}: groups, uid and extras are impersonated only with a user",
            hint="add --as USER, or `as` in the kubeconfig",
        )


def _value(name: str, value: str, context: str) -> str:
    """A header's value as bytes on the wire: names of people are UTF-8. Raises ConfigError without the value."""
    if value != value.strip() or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ConfigError(
            f"context {clean(context)}: {name} cannot be sent",
            cause="its value has a line break, a control character, or spaces around it",
            hint="look at --as, --as-group and --as-user-extra, or at `as` in the kubeconfig",
        )
    return value


def _deadline(text: Any, now: float) -> float | None:
    """When to fetch anew: a little before the plugin's RFC 3339 time, yet not at every request of a short-lived one."""
    if not text:
        return None
    try:
        expires = dt.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=dt.UTC)
    left = max(0.0, expires.timestamp() - now)
    return now + max(_SHORTEST_LIFE, left - min(_EXPIRY_MARGIN, left / 5))
