"""Policies as a person sees and applies them."""
