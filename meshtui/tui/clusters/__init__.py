"""The Clusters pane and its lines."""
