"""How many events of each node are missing, to the event, and what a gap says of it."""
