"""The command line behind `:` and ctrl+p: places to go to, and every command by name."""
