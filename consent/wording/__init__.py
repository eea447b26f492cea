"""Wording: notices, purposes and liability terms, the words that people agree to and what may not stand in them."""
