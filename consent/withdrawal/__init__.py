"""Withdrawal: a consent ends at once, with all below it, and its recipient erases what it received."""
