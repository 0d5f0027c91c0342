"""Alembic revisions of the SQL store. `textmill db upgrade` runs them; they ship with the program.

A revision never imports `schemas.tables`: it states what the tables were on its day. Changes come
in three steps (expand, move the data, contract), so that old and new programs can run side by side.
"""
