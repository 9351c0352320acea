"""The tours beside the dashboard."""
