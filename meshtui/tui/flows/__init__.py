"""The Flows pane: its rows, views, filter bar, details and copies."""
