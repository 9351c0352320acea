"""`meshtui info`: versions, paths, and where each setting came from."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

from meshtui import __version__
from meshtui.cli import output
from meshtui.cli.config import config_path, settings_of
from meshtui.core.errors import Exit
from meshtui.core.settings import NAMES

_LIBRARIES = ("textual", "kubernetes", "grpcio", "protobuf", "httpx", "msgspec", "websockets", "aiohttp")


def main(arguments: Any) -> int:
    """Print it."""
    settings = settings_of(vars(arguments), os.environ)
    path = config_path(os.environ)
    rows = [
        {"what": "meshtui", "value": __version__, "from": "version"},
        {"what": "python", "value": platform.python_version(), "from": "version"},
        *({"what": name, "value": metadata.version(name), "from": "version"} for name in _LIBRARIES),
        {"what": "config file", "value": str(path), "from": "is there" if path.exists() else "is not there"},
    ]
    rows += [
        {"what": name, "value": _plain(_told(name, getattr(settings, name))), "from": settings.origins[name]}
        for name in NAMES
    ]
    if arguments.output in ("json", "yaml"):
        output.document({"rows": rows}, arguments.output)
    else:
        output.show(rows, ("what", "value", "from"), arguments.output)
    return Exit.OK


def _told(name: str, value: Any) -> Any:
    """A setting without what is nobody else's business: of extras their keys alone."""
    return tuple(value) if name in ("as_user_extra", "themes") else value


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, tuple):
        return list(value)
    if hasattr(value, "items"):
        return [f"{key}={text}" for key, text in value.items()]
    return str(value)
