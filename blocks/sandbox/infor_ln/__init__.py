"""A stand-in for Infor LN."""
