"""Free text. Kept as written, line by line; never searched, shown masked as three stars whatever it says.

Nobody knows what people write into a remark, so it counts as sensitive and no tag is ever made of it.
"""

from vault.fields.text import InvalidValue, clean

MAX_NOTE = 10_000


class InvalidNote(InvalidValue):
    """Nothing readable in it."""

    code = "note.empty"


class NoteLength(InvalidNote):
    """Longer than 10,000 characters."""

    code = "note.length"


REASONS = (InvalidNote.code, NoteLength.code)


def canonical(text: str) -> str:
    """Every line cleaned, blank lines at both ends dropped; raises InvalidNote."""
    if len(text) > MAX_NOTE:
        raise NoteLength("not a note")
    note = "\n".join(clean(line) for line in text.splitlines()).strip("\n")
    if not note:
        raise InvalidNote("not a note")
    if len(note) > MAX_NOTE:
        raise NoteLength("not a note")
    return note


def mask(_value: str) -> str:
    """Nothing of it, not even how long it is."""
    return "***"
