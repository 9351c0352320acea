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
    """The policies in a YAML file. Raises UsageError when it cannot be read or holds anything else."""
    import yaml

    try:
        documents = [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read", cause=str(error), hint="give the path of a YAML file") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML", cause=str(error).replace("\n", " ")) from error
    kinds = {resource.kind for resource in r.POLICIES}
    for document in documents:
        kind = document.get("kind") if isinstance(document, dict) else None
        if kind not in kinds:
            raise UsageError(f"{path} holds {kind or 'something'} that is not a policy", hint=", ".join(sorted(kinds)))
    return documents
