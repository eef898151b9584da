"""The store's schema as Alembic's revisions, and how they bring an older store up to date.

A revision is named after the schema version that it leads to, which stands in the store's table `daybook`:
there is no table of Alembic's own. The tables of the modules beside this package are those that the last
revision leaves; `tests/blocks/store/test_database.py` compares both, by Alembic's own comparison. A change of
a table is therefore a change there, the next number in `SCHEMA_VERSION`, and a revision of that number. A
revision that a release had is never changed again.
"""
