"""Cilium's policies a second time: how its agents read, refuse and hold them, by version; no cluster, no packets."""
