"""The Services pane, its lines, and everything about one service."""
