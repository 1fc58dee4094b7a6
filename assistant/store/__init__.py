"""Conversations that are never lost: kept in SQLite as trees of messages, with the run behind each answer.

`journal.py` is what front ends use; `store.py` reads and changes what is kept; the rest serves these two.
"""
