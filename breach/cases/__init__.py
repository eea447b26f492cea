"""Cases: incidents, draft claims, agreed sums and evidence packs."""
