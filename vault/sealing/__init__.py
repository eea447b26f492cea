"""Sealing: values and files encrypted so that they open at their own place only."""
