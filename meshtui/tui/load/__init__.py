"""The Load pane: its lines, its form, its requests and its runs."""
