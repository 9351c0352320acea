"""Manifests of the lab as package data, filled in for a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

import yaml

PLANETS = ("N'Zoth", "Foran Tutha")
"""What rebel-base says beside its cluster's name, in the first and the second cluster."""


def load(name: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
    """The objects of one manifest with `${…}` filled in from `values`."""
    text = files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    filled = _substituted(yaml.safe_load_all(text), values)
    return list(filled)


def _substituted(value: Any, values: Mapping[str, str]) -> Any:
    """`value` with every string filled in after parsing, so that no name can change the document's shape."""
    if isinstance(value, str):
        return Template(value).safe_substitute(values)
    if isinstance(value, dict):
        return {key: _substituted(entry, values) for key, entry in value.items()}
    if isinstance(value, int | float) or value is None:
        return value
    return [_substituted(entry, values) for entry in value]
