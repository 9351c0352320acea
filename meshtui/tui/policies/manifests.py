"""Policies that can be applied from the dashboard: the lab's, and those of a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meshtui.core.errors import UsageError
from meshtui.core.model import resources as r
from meshtui.core.model.state import Mesh


def lab_policies(mesh: Mesh) -> dict[str, list[dict[str, Any]]]:
    """The lab's policies by title, written for the first cluster's x-wing."""
    from meshtui.lab.policies import policies

    first = next(iter(mesh.clusters.values()), None)
    return {title: [manifest] for title, manifest in policies(first.name).items()} if first else {}


def from_file(path: Path) -> list[dict[str, Any]]:
    """The policies in a YAML file. Raises UsageError when it cannot be read or holds none."""
    import yaml

    try:
        documents = [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read", cause=str(error), hint="give the path of a YAML file") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML", cause=str(error).replace("\n", " ")) from error
    return _policies(path, [item for document in documents for item in _items(document)])


def _items(document: Any) -> list[Any]:
    """A document, or what is in it: `kubectl get -o yaml` gives a List."""
    items = document.get("items") if isinstance(document, dict) else None
    return items if isinstance(items, list) and str(document.get("kind", "")).endswith("List") else [document]


def _policies(path: Path, documents: list[Any]) -> list[dict[str, Any]]:
    """Those that are policies; the rest is named where there is no policy. Raises UsageError."""
    known = {(resource.api_version, resource.kind) for resource in r.POLICIES}
    found = [d for d in documents if isinstance(d, dict) and (d.get("apiVersion"), d.get("kind")) in known]
    if not found:
        others = rest(documents) or ["nothing"]
        hint = ", ".join(f"{kind} of {version}" for version, kind in sorted(known))
        raise UsageError(f"{path} holds no policy that is known", cause=", ".join(others[:6]), hint=f"known: {hint}")
    return found


def rest(documents: list[Any]) -> list[str]:
    """What the documents are that are no policies: `Service of v1`."""
    known = {(resource.api_version, resource.kind) for resource in r.POLICIES}
    others = [d for d in documents if not isinstance(d, dict) or (d.get("apiVersion"), d.get("kind")) not in known]
    return [
        f"{d.get('kind', 'something')} of {d.get('apiVersion', 'no version')}" if isinstance(d, dict) else "something"
        for d in others
    ]
