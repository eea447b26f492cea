"""Outward calls: addresses that others named, without letting them choose whom this server speaks to."""
