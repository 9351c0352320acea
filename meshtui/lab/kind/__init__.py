"""Builds the lab on this machine with kind, the cilium CLI and kubectl as installed, and removes exactly that."""
