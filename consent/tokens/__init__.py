"""Tokens: one use of a consent in a recipient's hand, from the code to the last word on what it is worth."""
