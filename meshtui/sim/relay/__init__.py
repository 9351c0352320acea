"""Hubble as the simulator offers it: a ring of flows per node and a gRPC Relay per cluster."""
