"""The lab's steps in their order: the state each stands for, whatever was before, and its words."""

from __future__ import annotations

from dataclasses import dataclass, replace

from meshtui.core.errors import UsageError
from meshtui.lab.state import Side, State
from meshtui.lab.texts import Text, texts

STATES = (
    "no-cni", "cilium", "mesh-enabled", "deployed", "global", "tion-shared-false", "affinity-local",
    "failover-local-0", "affinity-remote", "no-affinity", "default-deny", "egress-allowed", "ingress-koornacht",
    "ingress-tion", "egress-any-cluster", "link-cut", "link-restored",
)  # fmt: skip
"""All recorded states: what the embedded mesh can start in."""
FOUNDATION = ("clusters", "no-cni", "cilium", "hubble", "mesh-enabled", "connected")
"""Steps that build the mesh itself; what comes after them changes the application only."""
_DENY = frozenset({"default-deny"})
_OUT, _OUT_ANY, _IN = "x-wing-to-rebel-base", "x-wing-to-rebel-base-any-cluster", "rebel-base-from-x-wing"


@dataclass(frozen=True, slots=True)
class LabStep:
    """One step."""

    number: int
    """From 1, in the order of the tour."""
    name: str
    """As the recordings call it, where there is one."""
    state: State | None
    """What the application is then; None for the foundation."""
    text: Text

    @property
    def title(self) -> str:
        """Two or three words."""
        return self.text.title

    @property
    def foundation(self) -> bool:
        """Whether it is about the mesh and not about the application."""
        return self.state is None


def _states() -> dict[str, State]:
    plain = State(Side(), Side())
    shared = State(Side(annotations={"global": "true"}), Side(annotations={"global": "true"}))
    local = _first(shared, affinity="local")
    denied = State(replace(shared.first, policies=_DENY), replace(shared.second, policies=_DENY))
    out = _allow(denied, frozenset({_OUT}), frozenset())
    return {
        "deployed": plain,
        "local": plain,
        "global": shared,
        "tion-shared-false": State(shared.first, Side(annotations={"global": "true", "shared": "false"})),
        "affinity-local": local,
        "failover-local-0": State(replace(local.first, replicas=0), local.second),
        "affinity-remote": _first(shared, affinity="remote"),
        "no-affinity": shared,
        "default-deny": denied,
        "drops": denied,
        "egress-allowed": out,
        "ingress-koornacht": _allow(denied, frozenset({_OUT, _IN}), frozenset()),
        "ingress-tion": _allow(denied, frozenset({_OUT, _IN}), frozenset({_IN})),
        "egress-any-cluster": _allow(denied, frozenset({_OUT_ANY, _IN}), frozenset({_IN})),
    }


def _first(state: State, **annotations: str) -> State:
    return State(replace(state.first, annotations={**state.first.annotations, **annotations}), state.second)


def _allow(state: State, first: frozenset[str], second: frozenset[str]) -> State:
    return State(
        replace(state.first, policies=state.first.policies | first),
        replace(state.second, policies=state.second.policies | second),
    )


def _steps() -> tuple[LabStep, ...]:
    states = _states()
    return tuple(
        LabStep(number, name, states.get(name), text) for number, (name, text) in enumerate(texts().items(), 1)
    )


STEPS: tuple[LabStep, ...] = _steps()


def step_named(name: str) -> LabStep:
    """A step by its number in the tour, its name, or the recording's `10-default-deny`. Raises UsageError."""
    if name.isdigit():
        if 1 <= int(name) <= len(STEPS):
            return STEPS[int(name) - 1]
        raise UsageError(f"there is no lab step {name}", hint=f"steps go from 1 to {len(STEPS)}: `meshtui lab status`")
    number, _, rest = name.partition("-")
    bare = rest if number.isdigit() and rest else name
    for step in STEPS:
        if step.name == bare:
            return step
    raise UsageError(f"there is no lab step {name!r}", hint=f"steps: {', '.join(step.name for step in STEPS)}")


def before(step: LabStep) -> State | None:
    """The application's state one step earlier; None when there is none yet."""
    return STEPS[step.number - 2].state if step.number > 1 else None
