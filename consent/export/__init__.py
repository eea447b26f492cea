"""Export: everything about one person, for that person."""
