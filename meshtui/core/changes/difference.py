"""What a step changes of an object, as lines of its YAML."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from meshtui.core.changes.plan import Step, Verb
from meshtui.core.model.manifest import written


def text_of(document: Mapping[str, Any] | None) -> list[str]:
    """An object's lines, its keys in order; none for none."""
    import yaml

    if document is None:
        return []
    return yaml.safe_dump(dict(document), sort_keys=True, allow_unicode=True, width=10_000).splitlines()


def between(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, *, around: int = 2) -> list[str]:
    """Lines that go (`-`), come (`+`) or stand around them (` `); empty where nothing changes."""
    lines = difflib.unified_diff(text_of(before), text_of(after), lineterm="", n=around)
    return [line for line in lines if not line.startswith(("---", "+++"))]


def of_step(step: Step) -> list[str]:
    """What an APPLY or a DELETE changes; other verbs say it themselves. What kubectl remembers is no part of it."""
    if step.verb not in (Verb.APPLY, Verb.DELETE):
        return []
    before, after = (None if each is None else written(each) for each in (step.before, step.after))
    return between(before, after)
