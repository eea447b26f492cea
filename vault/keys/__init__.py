"""Keys: the hierarchy below the root, a person's key each, their caches and their destruction."""
