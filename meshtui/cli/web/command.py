"""`meshtui serve`: checks what is asked, says the address with its token, serves until interrupted."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shlex
import sys
from typing import Any

from meshtui.cli import words
from meshtui.cli.config import settings_of
from meshtui.core.errors import Exit, UsageError

TOKEN_VARIABLE = "MESHTUI_SERVE_TOKEN"  # noqa: S105 - where it is, not what
_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


def main(arguments: Any) -> int:
    """Serve."""
    settings_of(vars(arguments), os.environ)  # what is wrong is told here, not to each visitor
    if arguments.host not in _LOOPBACK and not (arguments.public_url or arguments.tls_cert):
        raise UsageError(
            f"serving on {arguments.host} would send the token and every key in the clear",
            hint="give --tls-cert and --tls-key, or --public-url https://… of the proxy in front",
        )
    if bool(arguments.tls_cert) is not bool(arguments.tls_key):
        raise UsageError("--tls-cert and --tls-key go together")
    try:
        from meshtui.cli.web import server
    except ImportError as error:
        raise UsageError(
            "serving needs what is not installed", cause=str(error), hint="pipx install 'meshtui[web]'"
        ) from error
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    served = server.Served(
        command=shlex.join([sys.executable, "-m", "meshtui", *_visitor(arguments)]),
        host=arguments.host,
        port=arguments.port,
        public_url=arguments.public_url,
        tls=(arguments.tls_cert, arguments.tls_key) if arguments.tls_cert else None,
        token=token,
        most=arguments.visitors,
    )
    asyncio.run(server.serve(served, _ready))
    return Exit.OK


def _visitor(arguments: Any) -> list[str]:
    """The command line of each visitor's dashboard: this one's, read-only unless said."""
    flags = [] if arguments.read_write else ["--read-only"]
    for name in ("kubeconfig", "mesh", "request_timeout"):
        value = getattr(arguments, name, None)
        flags += [f"--{name.replace('_', '-')}={value}"] if value else []
    for name, flag in (("contexts", "context"), ("namespaces", "namespace"), ("relays", "relay")):
        flags += [f"--{flag}={value}" for value in getattr(arguments, name, None) or ()]
    flags += ["--all-namespaces"] if getattr(arguments, "all_namespaces", False) else []
    return flags


def _ready(url: str) -> None:
    """The address is data, for scripts and for a person who opens it."""
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()
    words.say("meshtui: open that address; whoever has it sees these clusters. ctrl+c ends it")
