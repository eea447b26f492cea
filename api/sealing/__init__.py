"""A server that waits for its root key, and forgets it when told."""
