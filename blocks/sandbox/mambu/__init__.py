"""A stand-in for Mambu."""
