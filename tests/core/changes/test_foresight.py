"""What policies do to the clients of services, foretold before they are applied, and what happened."""

from __future__ import annotations

import msgspec
import pytest

from meshtui.core.changes.foresight import foresee
from meshtui.core.changes.plan import Step, Verb
from meshtui.core.model import resources as r
from tests.core import recorded


def step(context, verb, number, key):
    policy = recorded.items(number, context, r.CNPS)[key]
    plain = msgspec.to_builtins(policy)
    before, after = (None, plain) if verb is Verb.APPLY else (plain, None)
    return Step(context, verb, r.CNPS, policy.namespace, policy.name, before, after)


def test_default_deny_is_foretold_for_every_service_it_touches():
    told = foresee(recorded.mesh_of(4), [step("koornacht", Verb.APPLY, 10, "default/default-deny")])
    assert "default/rebel-base: koornacht's clients: K 2, T 2 → denied at koornacht (default-deny)" in told
    assert "default/rebel-base: tion's clients: T 2, K 2 → T 2, K 2 denied at koornacht (default-deny)" in told


@pytest.mark.parametrize("context", recorded.CLUSTERS)
def test_deleting_it_gives_its_own_side_back(context):
    told = foresee(recorded.mesh_of(10), [step(context, Verb.DELETE, 10, "default/default-deny")])
    assert told, "something changes"
    assert not any(f"{context}'s clients" in text and text.endswith("denied at " + context) for text in told)


def test_a_policy_that_changes_nothing_says_so():
    again = step("koornacht", Verb.APPLY, 14, recorded.EGRESS)
    assert foresee(recorded.mesh_of(14), [again]) == ("no service's clients get another answer",)
