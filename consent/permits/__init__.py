"""Permits: committed uses and reads, read back from the ledger, and the keys to the reader that they give."""
