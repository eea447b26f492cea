"""Matching: rows of a dump against people, one by one or sieved in columns, without opening the vault."""
