"""The embedded mesh: API servers, controllers, datapath, Relays and faults, served from this machine."""

from importlib import import_module
from typing import TYPE_CHECKING

from meshtui.sim.launch import Running, launch
from meshtui.sim.options import SimOptions

if TYPE_CHECKING:
    from meshtui.sim.serve import serve
    from meshtui.sim.trouble import FaultKind, Trouble, fault_words

__all__ = ["FaultKind", "Running", "SimOptions", "Trouble", "fault_words", "launch", "serve"]
_LATE = {"serve": "serve", "FaultKind": "trouble", "Trouble": "trouble", "fault_words": "trouble"}


def __getattr__(name: str) -> object:
    """Load the servers, and the client of faults, only where they are asked for."""
    if name in _LATE:
        return getattr(import_module(f"meshtui.sim.{_LATE[name]}"), name)
    raise AttributeError(name)
