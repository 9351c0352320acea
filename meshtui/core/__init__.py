"""The mesh as plain data and pure functions: no I/O, no Textual, no clock, no randomness of its own."""
