"""Receipts: our signed word on consents, uses and withdrawals, each hanging on the one before."""
