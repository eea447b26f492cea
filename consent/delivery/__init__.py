"""Delivery: events on their way to recipients, queued with what causes them and sent until acknowledged."""
