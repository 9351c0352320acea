"""Bookmarks: places that are kept under a name, gone to and deleted."""
