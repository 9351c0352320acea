"""Flows: rows, store, filters, the account of what is missing, sums, connections, CLI forms, who delivers what."""
