"""Asks one auth-provider through kubernetes.config, in a child process of its own.

Started as a script by `kube.providers` in a new session, with the request as JSON on stdin and the answer as JSON on
stdout. It is a process because kubernetes.config asks without a timeout, and because importing it takes 0.3 s.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any


def main() -> None:
    """Answer `{token, expires}` or `{error}`; a failing provider is an answer, not a crash."""
    request = json.load(sys.stdin)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    answer = os.dup(1)
    # What the library prints must not mix with the answer.
    os.dup2(2, 1)
    try:
        result = _run_provider(request)
    except Exception as error:  # noqa: BLE001 - whatever a provider makes the library raise is reported
        result = {"error": str(error) or type(error).__name__}
    with os.fdopen(answer, "w") as out:
        json.dump(result, out)


def _run_provider(request: dict[str, Any]) -> dict[str, Any]:
    """OIDC: kubernetes.config fetches and refreshes its token."""
    name = "plugin"
    config = {
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {"server": request["server"]}}],
        "users": [{"name": name, "user": {"auth-provider": request["provider"]}}],
    }
    loader: Any = import_module("kubernetes.config.kube_config").KubeConfigLoader(
        config, active_context=name, config_base_path=request["base"]
    )
    configuration: Any = import_module("kubernetes.client").Configuration()
    loader.load_and_set(configuration)
    bearer = configuration.api_key.get("BearerToken", "")
    if not bearer:
        return {"error": "the auth-provider gave no token"}
    expiry = getattr(loader, "expiry", None)
    return {"token": bearer.removeprefix("Bearer "), "expires": expiry.isoformat() if expiry else None}


if __name__ == "__main__":
    main()
