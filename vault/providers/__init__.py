"""Where the root key lives: one interface, several places to keep it."""
