"""The pulse: one line per cluster with what its last minutes were like."""
