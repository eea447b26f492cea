"""The tamper-evident ledger of consent and use: C2SP transparency logs that hold no personal data."""
