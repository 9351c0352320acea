"""Modal screens: consent, policies, help, details and filters."""
