"""Auth-providers of old kubeconfigs: the one that kubectl still knows (OIDC), and words for those that are gone."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshtui.core.errors import CredentialFailed
from meshtui.core.text import clean
from meshtui.kube.children import child
from meshtui.kube.execplugin import Answer
from meshtui.kube.kubeconfig import Target
from meshtui.kube.secrets import Secrets

KNOWN = "oidc"
_GONE = {
    "gcp": (
        "it is gone since Kubernetes 1.26: gke-gcloud-auth-plugin is used instead",
        "gcloud components install gke-gcloud-auth-plugin, then: gcloud container clusters get-credentials NAME",
    ),
    "azure": (
        "it is gone since Kubernetes 1.26: kubelogin is used instead",
        "kubelogin convert-kubeconfig -l azurecli (https://azure.github.io/kubelogin), or: az aks get-credentials",
    ),
    "openstack": (
        "it is gone since Kubernetes 1.22: client-keystone-auth is used instead, as an exec plugin",
        "take the kubeconfig from its source again: openstack coe cluster config NAME",
    ),
}
"""Name → why it cannot be used, and what to do; client-go plugin/pkg/client/auth, its removals."""


async def ask(target: Target, env: Mapping[str, str], seconds: float, secrets: Secrets) -> Answer:
    """An auth-provider's token, by kubernetes.config in a child process. Raises CredentialFailed."""
    provider = target.user.value["auth-provider"]
    name = str(provider.get("name") or "")
    if name != KNOWN:
        raise _gone(target.context, name)
    request = {"provider": provider, "server": target.server, "base": str(target.user.base)}
    answer = await _child(target.context, env, seconds, request, secrets)
    token, expires = str(answer.get("token") or ""), str(answer.get("expires") or "")
    secrets.keep(token)
    return Answer(token=token, expires=expires)


def _gone(context: str, name: str) -> CredentialFailed:
    shown = clean(name, 60) or "without a name"
    cause, hint = _GONE.get(
        name,
        (
            "neither kubectl nor meshtui knows an auth-provider of that name",
            "take the kubeconfig from its source again: today it names an exec plugin",
        ),
    )
    title = f"context {clean(context)} logs in with the auth-provider {shown}, which no longer works"
    return CredentialFailed(title, context=context, cause=cause, hint=hint)


async def _child(
    context: str, env: Mapping[str, str], seconds: float, request: Mapping[str, Any], secrets: Secrets
) -> Mapping[str, Any]:
    running = child(
        sys.executable,
        "-P",
        str(Path(__file__).with_name("plugin.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env) or None,
    )
    try:
        async with asyncio.timeout(seconds), running as process:
            out, err = await process.communicate(json.dumps(request, default=str).encode())
    except TimeoutError:
        raise _failed(context, f"it did not answer within {seconds:g} s") from None
    try:
        answer = json.loads(out)
    except ValueError:
        answer = {"error": err.decode(errors="replace").strip() or f"exit code {process.returncode}"}
    if answer.get("error") or not answer.get("token"):
        said = secrets.plugin_words(str(answer.get("error") or "it gave no token"))
        raise _failed(context, clean(said[-400:], 400))
    return dict(answer)


def _failed(context: str, cause: str) -> CredentialFailed:
    return CredentialFailed(
        f"the auth-provider {KNOWN} of context {clean(context)} failed",
        context=context,
        cause=cause,
        hint="log in again: its refresh token may have expired; kubelogin (kubectl oidc-login) is its successor",
    )
