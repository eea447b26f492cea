"""Asking: how a recipient's request comes in, and how it reaches the person, by browser, device or telephone."""
