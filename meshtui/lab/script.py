"""The commands a step stands for, as a person would type them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from meshtui.core.routing.annotations import KEYS
from meshtui.lab import manifests
from meshtui.lab.observe import SERVICE
from meshtui.lab.place import Place
from meshtui.lab.state import NOTHING, Action, Annotate, Apply, Remove, Scale, State, between
from meshtui.lab.steps import LabStep, before

CLIENT = "x-wing"


def commands(place: Place, step: LabStep) -> tuple[str, ...]:
    """What the application's step changes, one command each; requests where it changes nothing. Not the foundation's.

    A manifest is a here-document after its command's first line.
    """
    if step.state is None:
        return ()
    earlier = before(step) or State(NOTHING, NOTHING)
    changes = between(earlier, step.state)
    return tuple(command(place, action) for action in changes) or requests(place)


def requests(place: Place, count: int = 10) -> tuple[str, ...]:
    """Ten requests from each cluster."""
    loop = f"for i in $(seq 1 {count}); do curl -sS --max-time 2 http://{SERVICE}/; done"
    return tuple(f"{_kubectl(place, half)} exec deploy/{CLIENT} -- sh -c '{loop}'" for half in (0, 1))


def command(place: Place, action: Action) -> str:
    """One action as a command."""
    kubectl = _kubectl(place, action.cluster)
    if isinstance(action, Annotate):
        words = [f"{KEYS[what]}-" if value is None else f"{KEYS[what]}={value}" for what, value in action.values]
        return f"{kubectl} annotate --overwrite service {SERVICE} {' '.join(words)}"
    if isinstance(action, Scale):
        return f"{kubectl} scale deployment {SERVICE} --replicas {action.replicas}"
    if isinstance(action, Remove):
        return f"{kubectl} delete ciliumnetworkpolicy {action.policy}"
    return apply(kubectl, place, action)


def apply(kubectl: str, place: Place, action: Apply) -> str:
    """`kubectl apply` with the manifest as a here-document."""
    objects = place.objects(place.halves[action.cluster], action.manifest)
    return f"{kubectl} apply -f - <<'EOF'\n{manifests.text_of(objects)}EOF"


def _kubectl(place: Place, index: int) -> str:
    return shlex.join(["kubectl", "--context", place.halves[index].context, "-n", place.namespace])


def first_line(text: str) -> str:
    """A command on one line; a here-document is a file named after what is in it."""
    head, here, rest = text.partition(" - <<'EOF'\n")
    if not here:
        return " ".join(text.split())
    names = [line.partition("name: ")[2] for line in rest.splitlines() if line.startswith("  name: ")]
    return f"{head} {'+'.join(names)}.yaml"


def script(lines: Sequence[str]) -> str:
    """Commands as a script a person could run."""
    return "\n".join(("#!/bin/sh", "set -eu", *lines)) + "\n"
