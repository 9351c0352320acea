"""Table columns of the built-in resources."""

from meshtui.sim.api.columns import Kind
from meshtui.sim.store import GVR

CORE: dict[GVR, Kind] = {}
