"""Redemption: a use is spent once, enters the ledger, and only then lets values be read."""
