"""Every file of the corpus gives all that is planted in it, with nothing lost in silence, or is refused with its code."""

import pytest

from breach.errors import DumpRefused
from breach.intake import opened
from breach.intake.columns import IDENTIFIERS, kind_of
from breach.intake.source import Held
from breach.intake.tally import Tally
from tests.breach import corpus
from vault.fields import canonical

FILES = list(corpus.files())
READ = [file for file in FILES if file.code is None]
REFUSED = [file for file in FILES if file.code is not None]


def looked_up(part):
    """The cells of a part that matching looks at."""
    columns = [at for at, _ in part.columns.identifiers]
    width = len(part.columns.kinds)
    for row in part.rows:
        yield from (row[at] for at in columns) if len(row) == width else row


def as_it_stands(raw):
    """Whether bytes of the account are bytes of the file: it is a text in UTF-8 that is read without a change."""
    changed = b"\r" in raw or b"E+10" in raw or raw[:3] == b"\xef\xbb\xbf" or b"NumberLong" in raw
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return raw.endswith(b"\n") and not changed and b"\0\0" not in raw and raw[:2] != b"PK"


def read(raw):
    source, tally = Held(raw), Tally()
    dialect = opened.look(source)
    parts = [part for block in opened.blocks(source, dialect, tally) for part in block.parts]
    cells = {cell for part in parts for cell in looked_up(part)}
    found = {canonical(kind, cell) for cell in cells if (kind := kind_of(cell)) in IDENTIFIERS}
    return found, tally, sum(len(part.rows) for part in parts)


@pytest.mark.parametrize("file", READ, ids=lambda file: file.name)
def test_all_that_is_planted_is_found_and_all_else_is_accounted_for(file):
    found, tally, rows = read(file.raw)

    assert file.planted - found == set()
    assert tally.reconciled
    assert rows <= tally.rows
    if as_it_stands(file.raw):
        assert tally.bytes == len(file.raw)
    assert file.counted is None or tally.as_dict()[file.counted]


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.name)
def test_what_is_no_dump_is_refused_with_its_code(file):
    with pytest.raises(DumpRefused) as refused:
        opened.look(Held(file.raw))

    assert refused.value.code == file.code


def test_the_corpus_is_large_and_the_same_every_time():
    assert len(READ) >= 40
    # Only the library that writes compressed tar files puts the time into them.
    again = [file.raw for file in corpus.files() if "tar" not in file.name]
    assert again == [file.raw for file in FILES if "tar" not in file.name]
