"""`meshtui lab tour` in a terminal: the dashboard with the tour open."""

from __future__ import annotations

from typing import Any

from meshtui.cli import dashboard


def in_dashboard(arguments: Any) -> int:
    """The embedded mesh begins without a network, as the tour does."""
    arguments.verb = "demo" if arguments.demo else None
    if arguments.demo:
        arguments.state, arguments.nodes = "no-cni", arguments.lab_nodes
        for name, value in (("seed", 0), ("clusters", 2), ("services", 0), ("flow_rate", 0), ("directory", None)):
            setattr(arguments, name, value)
        arguments.cilium_version = "1.21"
    arguments.tour = True
    return dashboard.main(arguments)
