"""Weighing: what a dump shows about whom it came from, as the ranking takes it."""
