"""Ending logs: closing those of years that are over, and giving one up that cannot be carried on."""
