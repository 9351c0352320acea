"""Reads the settings: flags, environment and the config file; and says where files are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshtui.core.errors import ConfigError
from meshtui.core.settings import NAMES, Settings, resolve

MOST_BYTES = 1_000_000


def config_path(env: Mapping[str, str]) -> Path:
    """MESHTUI_CONFIG, else config.toml in the user's configuration directory."""
    if env.get("MESHTUI_CONFIG"):
        return Path(env["MESHTUI_CONFIG"]).expanduser()
    from platformdirs import user_config_path

    return user_config_path("meshtui") / "config.toml"


def default_state_directory() -> Path:
    """Where runs and the audit log go when no setting says so."""
    from platformdirs import user_state_path

    return user_state_path("meshtui")


def read_file(path: Path, *, demanded: bool) -> dict[str, Any]:
    """The config file's content; empty when there is none and nobody demanded it. Raises ConfigError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path} is too large for a config file")
        body = path.read_bytes()
    except FileNotFoundError:
        if demanded:
            raise ConfigError(
                f"there is no config file {path}", hint="MESHTUI_CONFIG names it: create or unset it"
            ) from None
        return {}
    except OSError as error:
        hint = "MESHTUI_CONFIG names a file that you may read, or leave it unset"
        raise ConfigError(f"cannot read {path}", cause=error.strerror or str(error), hint=hint) from error
    import tomllib  # most have no config file

    try:
        return tomllib.loads(body.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML", cause=str(error)) from error


def settings_of(flags: Mapping[str, Any], env: Mapping[str, str]) -> Settings:
    """All settings resolved. Raises ConfigError."""
    path = config_path(env)
    file = read_file(path, demanded=bool(env.get("MESHTUI_CONFIG")))
    known = {name: flags.get(name) for name in NAMES}
    settings = resolve(known, env, file, origin=str(path))
    if settings.state_directory is None:
        from msgspec.structs import replace

        settings = replace(settings, state_directory=default_state_directory())
    return settings
