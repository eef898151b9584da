"""Faults on request, around every stand-in."""
