"""Findings as a person sees and mends them."""
