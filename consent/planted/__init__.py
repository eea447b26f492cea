"""Planted persons: people who do not exist, known to one recipient or to nobody, whom only a leak can bring to light."""
