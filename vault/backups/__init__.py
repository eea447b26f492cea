"""Backups of the key data base that die in time."""
