"""The Flows pane's ways to look at flows: events, sums, connections, map."""
