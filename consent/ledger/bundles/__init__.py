"""Bundles: proofs in a file that a stranger checks without us, and what they say when a log lied."""
