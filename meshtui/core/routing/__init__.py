"""Which backends a client in a cluster gets for a service, with shares, and why not the others."""

from meshtui.core.routing.candidates import ready_counts
from meshtui.core.routing.decide import route, routes
from meshtui.core.routing.evidence import Disagreement, disagreements
from meshtui.core.routing.kept import Routes
from meshtui.core.routing.model import Backend, Reason, Route, Unused
from meshtui.core.routing.surroundings import Surroundings
from meshtui.core.routing.whatif import Changes, emptied, what_if

__all__ = [
    "Backend",
    "Changes",
    "Disagreement",
    "Reason",
    "Route",
    "Routes",
    "Surroundings",
    "Unused",
    "disagreements",
    "emptied",
    "ready_counts",
    "route",
    "routes",
    "what_if",
]
