"""Trouble on demand: what is broken, as plain data, and above it what breaks and mends."""
