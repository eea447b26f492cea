"""Witnesses: asking them, believing them, and being one."""
