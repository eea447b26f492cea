"""Families: duplicates merged into one person, and guardians of wards."""
