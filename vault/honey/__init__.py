"""Honey persons: people who do not exist, and the watch over them."""
