"""Entries: their exact bytes, what they commit to, and how that is opened again."""
