"""Schemas of Cilium's own kinds as data, and what an API server does with them."""
