"""Families: people who stand for others, and what that lets them do."""
