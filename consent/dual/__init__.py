"""Dual control: what takes two others' agreement, and what may be done under it."""
