"""Alembic's revisions of the store's schema, each for one schema version."""
