"""The seeded books: what happens on a date, the same for all stand-ins."""
