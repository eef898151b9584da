"""Other people's clients, unpatched, against the stand-ins; see __main__.py."""
