"""Signing: what is signed for others to keep, and which key of ours signed it."""
