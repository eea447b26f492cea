"""Retention: until when values may be kept, and their destruction when that is over."""
