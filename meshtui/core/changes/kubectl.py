"""The kubectl command that does the same as a step, quoted for a POSIX shell."""

from __future__ import annotations

import json
import shlex

from meshtui.core.changes.plan import Step, Verb


def command(step: Step) -> str:
    """One command for one step; a manifest is given as JSON in a here-document, in short lines."""
    return _WORDS[step.verb](step)


def _kubectl(step: Step, *words: str) -> str:
    head = ["kubectl", "--context", step.context]
    if step.namespace:
        head += ["-n", step.namespace]
    return shlex.join([*head, *words])


def _annotate(step: Step) -> str:
    after = step.after or {}
    changes = [f"{key}-" if value is None else f"{key}={value}" for key, value in after.items()]
    return _kubectl(step, "annotate", "--overwrite", step.resource.kind.lower(), step.name, *changes)


def _scale(step: Step) -> str:
    replicas = (step.after or {}).get("replicas", 0)
    return _kubectl(step, "scale", step.resource.kind.lower(), step.name, f"--replicas={replicas}")


def _apply(step: Step) -> str:
    manifest = json.dumps(step.after, indent=1)
    apply = _kubectl(step, "apply", "--server-side", "--field-manager=meshtui", "-f", "-")
    return f"{apply} <<'EOF'\n{manifest}\nEOF"


def _delete(step: Step) -> str:
    return _kubectl(step, "delete", step.resource.plural, step.name)


_WORDS = {Verb.ANNOTATE: _annotate, Verb.SCALE: _scale, Verb.APPLY: _apply, Verb.DELETE: _delete}
