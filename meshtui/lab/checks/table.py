"""Which check belongs to which step, and how long its effect may take to show."""

from __future__ import annotations

import asyncio

from meshtui.core.flows.flow import Direction
from meshtui.lab.checks import application as app
from meshtui.lab.checks import foundation as base
from meshtui.lab.checks.checkinput import Check, Checked, CheckInput, every
from meshtui.lab.checks.requests import FIRST, SECOND, SILENCE, answers
from meshtui.lab.steps import STEPS, LabStep

PATIENCE = 45.0
"""Seconds until the application's effect must show: pods start, watches and flows come."""
FOUNDATION_PATIENCE = 120.0
"""The same where agents are asked every ten seconds and cilium-health every thirty."""
IMAGES_COME = 180.0
"""The same where images are pulled first."""
_PAUSE = 1.0
_AGAIN = 5.0
"""Seconds between two times that everything is asked anew."""
_BOTH = f"{FIRST}, {SECOND}"
_PARTLY = f"{FIRST}, {SILENCE}"
_OUTCOMES = {
    "local": (FIRST, SECOND),
    "global": (_BOTH, _BOTH),
    "tion-shared-false": (FIRST, _BOTH),
    "affinity-local": (FIRST, _BOTH),
    "failover-local-0": (SECOND, SECOND),
    "affinity-remote": (SECOND, _BOTH),
    "no-affinity": (_BOTH, _BOTH),
    "default-deny": (SILENCE, SILENCE),
    "egress-allowed": (SILENCE, SILENCE),
    "ingress-koornacht": (_PARTLY, SILENCE),
    "egress-any-cluster": (_BOTH, SILENCE),
}
"""How requests from the first and the second cluster end: recordings, README, steps 3 to 14."""
_DROPS = {"drops": (Direction.EGRESS, 0, 1), "egress-allowed": (Direction.INGRESS, 0)}
_BASE: dict[str, Check] = {
    "clusters": base.clusters,
    "no-cni": base.no_network,
    "cilium": base.cilium,
    "hubble": base.hubble,
    "mesh-enabled": base.mesh_enabled,
    "connected": base.connected,
}


async def _reached_over_there(given: CheckInput) -> Checked:
    """Step ingress-tion: since 1.19 the egress rule means its own cluster only (recordings, step 13)."""
    config = given.clusters[0].config
    local_only = config is None or config.policy_default_local_cluster
    return await answers(_PARTLY if local_only else _BOTH, SILENCE)(given)


def _application(step: LabStep) -> Check:
    state = step.state
    assert state is not None
    checks = [app.replicas(index, side.replicas) for index, side in enumerate(state.sides)]
    checks += [app.written(state), app.enforced(state)]
    if step.name == "deployed":
        checks.append(app.deployed)
    if step.name == "ingress-tion":
        checks.append(_reached_over_there)
    elif step.name in _OUTCOMES:
        checks.append(answers(*_OUTCOMES[step.name]))
    if step.name in _DROPS:
        way, *clusters = _DROPS[step.name]
        checks.append(app.dropped(Direction(way), *clusters))
    return every(*checks)


CHECKS: dict[str, Check] = {step.name: _BASE.get(step.name) or _application(step) for step in STEPS}


def patience(step: LabStep) -> float:
    """Seconds until a step's effect must show."""
    if step.name == "deployed":
        return IMAGES_COME
    return FOUNDATION_PATIENCE if step.foundation else PATIENCE


async def verify(step: LabStep, given: CheckInput, seconds: float = 0.0) -> Checked:
    """The step's check, repeated for `seconds` until it holds; once when 0."""
    return await repeat(CHECKS[step.name], given, seconds, ask=step.foundation)


async def repeat(check: Check, given: CheckInput, seconds: float, *, ask: bool) -> Checked:
    """A check until it holds, for `seconds` at most.

    `ask`: it looks at what is asked for now and then only (agents, cilium-health, what was absent), so ask anew.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    asked = 0.0
    while True:
        found = await check(given)
        if found.ok or loop.time() >= end:
            return found
        if ask and loop.time() - asked >= _AGAIN:
            given.session.look_again()
            asked = loop.time()
        await asyncio.sleep(_PAUSE)
