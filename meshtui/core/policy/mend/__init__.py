"""What would let refused connections pass: the smallest policies, what else they would allow, and what they cannot."""

from meshtui.core.policy.mend.asked import wanted_of_row, wanted_of_rows, wanted_of_service
from meshtui.core.policy.mend.model import Opening, Proposal, Remedy, Wanted
from meshtui.core.policy.mend.propose import propose, with_proposals
from meshtui.core.policy.mend.seen import Suggestion, suggest

__all__ = [
    "Opening",
    "Proposal",
    "Remedy",
    "Suggestion",
    "Wanted",
    "propose",
    "suggest",
    "wanted_of_row",
    "wanted_of_rows",
    "wanted_of_service",
    "with_proposals",
]
