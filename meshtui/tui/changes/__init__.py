"""A change from key to outcome: the dialog that asks, the history, the lines of a plan."""
