"""Erasure as the ledger tells it: ordered, carried out, certified."""
