"""Mambu API v2."""
