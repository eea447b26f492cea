"""Signing: signature schemes, other people's public keys, and time stamps."""
