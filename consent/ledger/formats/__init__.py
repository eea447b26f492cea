"""Formats: the texts of C2SP transparency logs and what beside them is parsed once, with nothing of ours in them."""
