"""Who we are to one API server: certificate, token, plugin; fetched, kept fresh, never shown.

Certificates, tokens and basic auth are data in the kubeconfig and are read as such, in a millisecond. Whatever has
to be run or refreshed over the network (exec plugins, auth-providers) is kubernetes.config's work, done by
`kube.plugin` in a child process: no terminal, no stdin, stderr captured, a timeout.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import json
import os
import signal
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshtui.core.clock import Clock
from meshtui.core.errors import ConfigError, CredentialFailed, MeshtuiError
from meshtui.core.text import clean
from meshtui.kube import tls
from meshtui.kube.kubeconfig import Target

RELOAD_TOKEN_FILE = 60.0
"""Seconds after which a token file is read again: kubelet rotates it in place."""
PAUSE_BETWEEN_RENEWALS = 30.0
"""Seconds for which a 401 does not run a plugin again: many watches may meet it at once."""
_EXPIRY_MARGIN = 10.0
_SHORTEST_LIFE = 5.0
_FAILURE_LASTS = 2.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is shown to the server. Nothing of it appears in a repr."""

    authorization: str = field(default="", repr=False)
    cert: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    expires: float | None = None
    """Wall time after which to fetch anew, None for never."""


class Source:
    """Credentials of one context, renewed when they expire or the server says 401; one renewal at a time."""

    def __init__(
        self, target: Target, context: ssl.SSLContext | None, env: Mapping[str, str], *, timeout: float, clock: Clock
    ) -> None:
        self._target = target
        self._ssl = context
        self._env = env
        self._timeout = timeout
        self._clock = clock
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
        if self._failure is not None and now - self._failed_at < _FAILURE_LASTS:
            raise self._failure
        try:
            self._failure = None
            return await self._fetch()
        except MeshtuiError as error:
            self._failure, self._failed_at = error, self._clock.monotonic()
            raise

    async def _fetch(self) -> Credentials:
        user = self._target.user
        plugin = user.value.get("exec") or user.value.get("auth-provider")
        if isinstance(plugin, Mapping) and not user.text("token") and not user.text("tokenFile"):
            credentials = await self._from_plugin(plugin)
        else:
            credentials = await asyncio.to_thread(_static, self._target, self._clock.now())
        if credentials.cert and self._ssl is not None and credentials != self._current:
            show = tls.show_certificate
            await asyncio.to_thread(show, self._ssl, credentials.cert, credentials.key, self._target.context)
        self._current = credentials
        self._fetched = self._clock.monotonic()
        self.generation += 1
        return credentials

    async def _from_plugin(self, plugin: Mapping[str, Any]) -> Credentials:
        is_exec = "exec" in self._target.user.value
        name = clean(str(plugin.get("command") if is_exec else plugin.get("name")), 120)
        answer = await _ask_plugin(self._target, self._env, self._timeout, name, _request(self._target, is_exec))
        token, cert, key = (str(answer.get(part) or "") for part in ("token", "cert", "key"))
        if not token and not (cert and key):
            raise _failed(self._target, name, "it gave neither a token nor a certificate with its key")
        return Credentials(
            authorization=f"Bearer {token}" if token else "",
            cert=cert.encode(),
            key=key.encode(),
            expires=_deadline(answer.get("expires"), self._clock.now()),
        )


def _static(target: Target, now: float) -> Credentials:
    user = target.user
    cert = tls.pem(user, "client-certificate", target.context)
    key = tls.pem(user, "client-key", target.context)
    if bool(cert) != bool(key):
        missing, there = ("client-key", "client-certificate") if cert else ("client-certificate", "client-key")
        raise ConfigError(
            f"context {clean(target.context)} has a {there} but no {missing}",
            hint="take the kubeconfig from its source again",
        )
    token, expires = user.text("token"), None
    if not token and user.text("tokenFile"):
        token, expires = _token_file(user.path("tokenFile") or Path(), target.context), now + RELOAD_TOKEN_FILE
    authorization = f"Bearer {token}" if token else ""
    if not token and user.text("username"):
        pair = f"{user.text('username')}:{user.text('password')}".encode()
        authorization = "Basic " + base64.b64encode(pair).decode()
    return Credentials(authorization, cert, key, expires)


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
    if user.text("as"):
        headers.append(("Impersonate-User", user.text("as")))
    if user.text("as-uid"):
        headers.append(("Impersonate-Uid", user.text("as-uid")))
    headers.extend(("Impersonate-Group", str(group)) for group in user.value.get("as-groups") or ())
    extra = user.value.get("as-user-extra")
    for key, values in extra.items() if isinstance(extra, Mapping) else ():
        headers.extend((f"Impersonate-Extra-{key}", str(value)) for value in values or ())
    return headers


def _request(target: Target, is_exec: bool) -> dict[str, Any]:
    if not is_exec:
        provider = target.user.value["auth-provider"]
        return {
            "kind": "provider", "provider": provider, "server": target.server, "base": str(target.user.base)
        }  # fmt: skip
    return {
        "kind": "exec",
        "exec": target.user.value["exec"],
        "cluster": dict(target.cluster.value),
        "base": str(target.user.base),
    }


async def _ask_plugin(
    target: Target, env: Mapping[str, str], seconds: float, name: str, request: Mapping[str, Any]
) -> Mapping[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        str(Path(__file__).with_name("plugin.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env) or None,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await child.communicate(json.dumps(request, default=str).encode())
    except TimeoutError:
        await _end(child)
        raise _failed(target, name, f"it did not finish within {seconds:g} s") from None
    except BaseException:
        await _end(child)
        raise
    try:
        answer = json.loads(out)
    except ValueError:
        answer = {"error": err.decode(errors="replace").strip()[-400:] or f"exit code {child.returncode}"}
    if answer.get("error"):
        raise _failed(target, name, str(answer["error"]))
    return dict(answer)


async def _end(child: asyncio.subprocess.Process) -> None:
    """The plugin runs in its child's process group, so the whole group goes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    await child.wait()


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


def _failed(target: Target, name: str, cause: str) -> CredentialFailed:
    install = target.user.value.get("exec")
    said = install.get("installHint") if isinstance(install, Mapping) else None
    hint = f"run it yourself to see what it wants: {name}"
    return CredentialFailed(
        f"the credential plugin {name} of context {clean(target.context)} failed",
        context=target.context,
        cause=clean(cause, 400),
        hint=clean(str(said), 300) if said and "No such file" in cause else hint,
    )
