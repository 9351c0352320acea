"""HTTP/1.1 to one API server: kept connections, answers whole or as they come; httptools parses.

A general client costs more to load and to run than all of a list verb's own work (docs/performance.md).
"""
