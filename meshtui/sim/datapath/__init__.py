"""The simulated datapath: names, backends, policies and the flows they leave behind."""

from meshtui.sim.datapath.request import RequestResult, request

__all__ = ["RequestResult", "request"]
