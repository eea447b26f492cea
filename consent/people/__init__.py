"""People: taken in, kept true, kept no longer than allowed, each step with its ledger entry."""
