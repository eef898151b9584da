"""Prefect blocks and clients for the systems Daybook connects, and stand-ins for them."""
