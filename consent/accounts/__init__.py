"""Accounts: how people sign in, prove that they are there, and get back in when a key is lost."""
