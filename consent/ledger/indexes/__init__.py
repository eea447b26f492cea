"""Indexes: for everybody who has an entry in a log, how many and the last, and the proof that these are all."""
