"""The embedded mesh: API servers, controllers, datapath, Relays and faults, served from this machine."""

from meshtui.sim.launch import Running, launch
from meshtui.sim.options import SimOptions

__all__ = ["Running", "SimOptions", "launch", "serve"]


def __getattr__(name: str) -> object:
    """Load the servers only where they are asked for: whoever launches needs none of them."""
    if name == "serve":
        from meshtui.sim.serve import serve

        return serve
    raise AttributeError(name)
