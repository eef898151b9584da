"""Infor LN behind the ION API gateway."""
