"""Does a connection pass, which policies decide, and what would let it pass."""

from meshtui.core.policy.effects import Connection, connections_to
from meshtui.core.policy.evaluate import direction_verdict, judge, verdict
from meshtui.core.policy.explain import Basis, Explanation, explain_connection
from meshtui.core.policy.history import PolicyHistory
from meshtui.core.policy.lost import explain_flow
from meshtui.core.policy.model import (
    Decision,
    DirectionVerdict,
    NearMiss,
    Party,
    PodRef,
    PolicyVerdict,
    TrafficDirection,
)
from meshtui.core.policy.parties import of_pod, outside
from meshtui.core.policy.reading import Reading, reading, reading_of
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.policy.standing import Refusal, Refuser, Standing, refusal, standing

__all__ = [
    "Basis",
    "Connection",
    "Decision",
    "DirectionVerdict",
    "Explanation",
    "NearMiss",
    "Party",
    "PodRef",
    "PolicyHistory",
    "PolicyVerdict",
    "Reading",
    "Refusal",
    "Refuser",
    "Rulebook",
    "Standing",
    "TrafficDirection",
    "connections_to",
    "direction_verdict",
    "explain_connection",
    "explain_flow",
    "judge",
    "of_pod",
    "outside",
    "reading",
    "reading_of",
    "refusal",
    "standing",
    "verdict",
]
