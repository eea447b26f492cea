"""Checking: every log rebuilt from its entries on a second code path, and held against what is stored."""
