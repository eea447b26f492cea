"""Intake: from the bytes of any dump to rows of text, with every line accounted for."""
