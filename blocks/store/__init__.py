"""The store: what runs remember, in SQLite or PostgreSQL."""
