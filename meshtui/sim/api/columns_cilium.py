"""Table columns of the Cilium resources."""

from meshtui.sim.api.columns import Kind
from meshtui.sim.store import GVR

CILIUM: dict[GVR, Kind] = {}
