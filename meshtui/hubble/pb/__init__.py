"""Generated from proto/ by proto/regenerate.py: Hubble's wire schema. Do not edit."""
