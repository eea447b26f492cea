"""Erasure: destroying one person for good, and remembering that it was done."""
