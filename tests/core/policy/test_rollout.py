"""Whether agents have a change: what they name is believed, and what they do not, their revision must tell."""

from __future__ import annotations

import pytest

from meshtui.core.policy.rollout import AgentPolicy, RolloutState, Wanted, behind, missing, on_agents

NAMED = ("CiliumNetworkPolicy", "default", "deny")
OTHER = ("CiliumNetworkPolicy", "default", "other")


def agent(revision, *held, endpoints=()):
    return AgentPolicy(revision, frozenset(held) if held != (None,) else None, endpoints)


@pytest.mark.parametrize(
    ("gone", "new", "before", "now", "why"),
    [
        (False, True, agent(3, OTHER), agent(4, OTHER, NAMED), ""),
        (False, True, None, agent(4, NAMED), ""),
        (False, True, agent(3), agent(4, OTHER), "has not got it at revision 4"),
        (False, False, agent(3, NAMED), agent(3, NAMED), "is still at revision 3"),
        (False, False, agent(3, NAMED), agent(4, NAMED), ""),
        (True, False, agent(3, NAMED), agent(3, NAMED), "still has it at revision 3"),
        (True, False, agent(3, NAMED), agent(4), ""),
        (False, True, agent(3, None), agent(3, None), "is still at revision 3"),
        (False, True, agent(3, None), agent(4, None), ""),
        (True, False, agent(3, None), agent(3, None), "is still at revision 3"),
    ],
)
def test_one_agent(gone, new, before, now, why):
    # An agent that is known to have dropped the last policy at the revision of before has dropped this one, too.
    assert missing(Wanted(NAMED, gone, new), before, now) == why


def test_endpoints_follow_the_agent():
    assert behind(agent(5, endpoints=(5, 6, 5)), 5) == ""
    assert behind(agent(6, endpoints=(4, 5, 6)), 5) == "is at revision 6, 1 of its 3 endpoints not yet at 5"


def test_the_sentence_says_who_has_not():
    valid = RolloutState(True, False, "valid")
    assert on_agents(valid, 3, {}, "", gone=False) == RolloutState(True, False, "valid; 3 of 3 agents have it", 3)
    late = {f"n{number}": "does not answer" for number in range(5)}
    told = on_agents(valid, 9, late, "", gone=True)
    assert (told.done, told.words) == (
        False,
        "valid; 4 of 9 agents have dropped it: n0 does not answer; n1 does not answer; n2 does not answer; and 2 more",
    )
    unheard = on_agents(valid, 0, {}, "you may not create pods/exec", gone=False)
    assert (unheard.done, unheard.words) == (
        True,
        "valid; whether agents have it is not known: you may not create pods/exec",
    )
    refused = RolloutState(True, True, "refused by the agents: no")
    assert on_agents(refused, 2, {"n0": "has not got it"}, "", gone=False) is refused
