"""Exec plugins of a kubeconfig: what to run, with which words in its environment, and how to read its answer.

The protocol is client.authentication.k8s.io's (kubernetes.io/docs/reference/access-authn-authz/authentication,
"client-go credential plugins"; client-go plugin/pkg/client/auth/exec).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import field

from meshtui.core.errors import ConfigError, CredentialFailed
from meshtui.core.text import clean
from meshtui.core.untold import Untold
from meshtui.kube import tls
from meshtui.kube.children import child, exited
from meshtui.kube.kubeconfig import Target
from meshtui.kube.secrets import Secrets

NEVER, IF_AVAILABLE, ALWAYS = "Never", "IfAvailable", "Always"
_GROUP = "client.authentication.k8s.io"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_EXTENSION = f"{_GROUP}/exec"
_TAIL = 400
_PASSED_ON = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "disable-compression")
_WANTS_TERMINAL = re.compile(r"(?i)\btty\b|terminal|stdin|standard input|inappropriate ioctl|interactive|\bEOF\b")
_GRACE = 1.0


class Plugin(Untold, frozen=True):
    """One plugin as one context runs it."""

    context: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    version: str
    mode: str
    """NEVER, IF_AVAILABLE or ALWAYS: whether it is given a terminal to ask a person."""
    install: str
    cluster: Mapping[str, Any] | None = None
    secrets: Secrets = field(default_factory=Secrets)

    @property
    def name(self) -> str:
        """The command's own name, for words."""
        return clean(Path(self.argv[0]).name, 60)

    @property
    def line(self) -> str:
        """The command as a person would type it, without what is secret."""
        return clean(self.secrets.hide(shlex.join(self.argv)), 300)

    @property
    def key(self) -> tuple[Any, ...]:
        """Contexts with the same key have one login."""
        import json

        cluster = json.dumps(self.cluster, sort_keys=True, default=str) if self.cluster else ""
        return self.argv, tuple(sorted(self.env.items())), self.version, cluster

    def failed(self, cause: str, hint: str = "") -> CredentialFailed:
        """Why there are no credentials, in the plugin's own words and without what is secret."""
        words = self.secrets.plugin_words(cause)
        words = words if len(words) <= _TAIL else "…" + words[-_TAIL:]
        if not hint and self.install and ("No such file" in words or "not found" in words):
            hint = self.secrets.plugin_words(self.install)
        title = f"the credential plugin {self.name} of context {clean(self.context)} failed"
        hint = hint or f"run it yourself to see what it wants: {self.line}"
        return CredentialFailed(title, context=self.context, cause=clean(words, _TAIL + 1), hint=clean(hint, 400))

    def info(self, *, interactive: bool) -> str:
        """KUBERNETES_EXEC_INFO."""
        import json

        spec: dict[str, Any] = {"interactive": interactive}
        if self.cluster is not None:
            spec["cluster"] = dict(self.cluster)
        return json.dumps({"apiVersion": self.version, "kind": "ExecCredential", "spec": spec}, default=str)


class Answer(Untold, frozen=True, eq=False):
    """What a plugin gave. Nothing of it appears in a repr."""

    token: str = ""
    cert: str = ""
    key: str = ""
    expires: str = ""
    """RFC 3339, empty for never."""


def plugin_of(target: Target, env: Mapping[str, str], secrets: Secrets) -> Plugin:
    """The target's exec plugin. Raises ConfigError for one that kubectl would not run either."""
    spec = target.user.value["exec"]
    said = spec if isinstance(spec, Mapping) else {}
    command, version = str(said.get("command") or ""), str(said.get("apiVersion") or "")
    title = f"context {clean(target.context)}: its exec plugin cannot be run"
    if not command:
        raise ConfigError(title, cause="it names no command", hint="take the kubeconfig from its source again")
    if version not in _VERSIONS:
        cause = f"its apiVersion is {clean(version, 80) or 'missing'}; kubectl knows {' and '.join(_VERSIONS)}"
        raise ConfigError(title, cause=cause, hint="update the plugin, and take the kubeconfig from its source again")
    if os.sep in command:
        command = str(target.user.base / command)
    extra = {str(e["name"]): str(e.get("value") or "") for e in said.get("env") or () if isinstance(e, Mapping)}
    return Plugin(
        context=target.context,
        argv=(command, *(str(word) for word in said.get("args") or ())),
        env={**env, **extra},
        version=version,
        mode=str(said.get("interactiveMode") or IF_AVAILABLE),
        install=str(said.get("installHint") or ""),
        cluster=_cluster(target) if said.get("provideClusterInfo") is True else None,
        secrets=secrets,
    )


def _cluster(target: Target) -> dict[str, Any]:
    """What a plugin may know of the cluster: no credential of ours, but the CA, and the extension meant for it."""
    known = {key: target.cluster.value[key] for key in _PASSED_ON if target.cluster.value.get(key)}
    authority = tls.pem(target.cluster, "certificate-authority", target.context)
    if authority:
        known["certificate-authority-data"] = base64.b64encode(authority).decode()
    extensions = target.cluster.value.get("extensions")
    for entry in extensions if isinstance(extensions, list) else ():
        if isinstance(entry, Mapping) and entry.get("name") == _EXTENSION:
            known["config"] = entry.get("extension")
    return known


def read(plugin: Plugin, code: int, out: bytes, err: bytes) -> Answer:
    """The credentials in a plugin's output, which itself is never told. Raises CredentialFailed."""
    import json

    try:
        document = json.loads(out)
    except ValueError:
        document = None
    status = document.get("status") if isinstance(document, Mapping) else None
    if isinstance(status, Mapping):
        plugin.secrets.keep(*(str(status[key]) for key in ("token", "clientKeyData") if status.get(key)))
    if code:
        words = err.decode("utf-8", "replace").strip()
        raise plugin.failed(words or f"it ended with exit code {code} and said nothing")
    if not isinstance(document, Mapping) or document.get("kind") != "ExecCredential":
        raise plugin.failed("what it wrote is no ExecCredential")
    if document.get("apiVersion") != plugin.version:
        given = clean(str(document.get("apiVersion")), 80)
        raise plugin.failed(f"it answers in {given}, the kubeconfig asks for {plugin.version}")
    token, cert, key, expires = (
        str((status or {}).get(name) or "")
        for name in ("token", "clientCertificateData", "clientKeyData", "expirationTimestamp")
    )
    if not token and not (cert and key):
        raise plugin.failed("it gave neither a token nor a certificate with its key")
    return Answer(token, cert, key, expires)


def wants_terminal(error: CredentialFailed) -> bool:
    """Whether a plugin failed because nobody could answer it."""
    return bool(_WANTS_TERMINAL.search(error.cause))


async def run(
    plugin: Plugin, *, terminal: bool, lent: bool, heard: Callable[[bytes], None], silent: float, longest: float
) -> Answer:
    """Run to the end. `terminal`: it may read ours; `lent`: it may write to it, too, without being heard.

    Given up after `silent` seconds without a word, `longest` with one. Ended with all it started when given up or
    cancelled. Raises CredentialFailed.
    """
    running = child(
        *plugin.argv,
        own=not terminal,
        stdin=None if terminal else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if lent else asyncio.subprocess.PIPE,
        env={**plugin.env, "KUBERNETES_EXEC_INFO": plugin.info(interactive=terminal)},
    )
    async with contextlib.AsyncExitStack() as stack:
        try:
            process = await stack.enter_async_context(running)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise plugin.failed(f"{plugin.argv[0]}: {reason}") from None
        return await _heard(plugin, process, heard, longest if lent else silent, longest)


async def _heard(
    plugin: Plugin, process: asyncio.subprocess.Process, heard: Callable[[bytes], None], silent: float, longest: float
) -> Answer:
    spoken, err = asyncio.Event(), bytearray()

    def hear(chunk: bytes) -> None:
        err.extend(chunk)
        spoken.set()
        heard(chunk)

    work = asyncio.ensure_future(_finish(process, hear))
    voice = asyncio.ensure_future(spoken.wait())
    try:
        await asyncio.wait({work, voice}, timeout=silent, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and spoken.is_set():
            await asyncio.wait({work}, timeout=longest)
        if not work.done():
            raise _too_long(plugin, longest if spoken.is_set() else silent, bytes(err))
        code, out = work.result()
        return read(plugin, code, out, bytes(err))
    finally:
        voice.cancel()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def _too_long(plugin: Plugin, seconds: float, err: bytes) -> CredentialFailed:
    said = err.decode("utf-8", "replace").strip()
    return plugin.failed(f"it did not finish within {seconds:g} s" + (f"; it said: {said}" if said else ""))


async def _finish(process: asyncio.subprocess.Process, hear: Callable[[bytes], None]) -> tuple[int, bytes]:
    """Its exit code and output; a browser that it started may keep its stderr open for ever."""
    listening = asyncio.ensure_future(_listen(process.stderr, hear)) if process.stderr is not None else None
    try:
        out = await process.stdout.read() if process.stdout is not None else b""
        code = await exited(process)
        if listening is not None:
            await asyncio.wait({listening}, timeout=_GRACE)
    finally:
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    return code, out


async def _listen(stream: asyncio.StreamReader, hear: Callable[[bytes], None]) -> None:
    while chunk := await stream.read(4096):
        hear(chunk)
