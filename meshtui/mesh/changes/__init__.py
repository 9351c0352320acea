"""Plans carried out: consent, one request a step, pending marks, the audit log."""
