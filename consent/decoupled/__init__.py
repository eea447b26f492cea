"""Decoupled: asking a person somewhere else than where the request was made, and how the program hears of it."""
