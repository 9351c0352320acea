"""Manifests of the lab as package data, filled in for a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

import yaml

from meshtui.lab.facts import IMAGES

APPLICATION = ("configmap", "deployment", "service")
"""What is deployed in every cluster, in the order a person would apply it."""
POLICIES = ("default-deny", "x-wing-to-rebel-base", "x-wing-to-rebel-base-any-cluster", "rebel-base-from-x-wing")
OWNER_LABEL, OWNER = "app.kubernetes.io/managed-by", "meshtui-lab"
"""What tells our namespace from one that was there before."""
_DEFAULTS = {"namespace": "default", "server_image": IMAGES.server, "client_image": IMAGES.client}


def load(name: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
    """The objects of one manifest with `${…}` filled in from `values`."""
    text = files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    filled = _substituted(yaml.safe_load_all(text), {**_DEFAULTS, **values})
    return list(filled)


def text_of(objects: list[dict[str, Any]]) -> str:
    """Objects as YAML that kubectl takes."""
    return yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True, width=100)


def _substituted(value: Any, values: Mapping[str, str]) -> Any:
    """`value` with every string filled in after parsing, so that no name can change the document's shape."""
    if isinstance(value, str):
        return Template(value).safe_substitute(values)
    if isinstance(value, dict):
        return {key: _substituted(entry, values) for key, entry in value.items()}
    if isinstance(value, int | float) or value is None:
        return value
    return [_substituted(entry, values) for entry in value]
