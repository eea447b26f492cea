"""Evidence of how a person was taken in: their `enrol` entry, opened, which commits to the ledger key they were given.

`enrolment(vault, bucket, subject) -> Evidence | None` goes into `ledger.bundles.bundle.build`; None where the ledger
does not bear it out. The fields are told again from what is stored, and must be what the entry committed to.
"""

from itertools import product

from sqlalchemy import Connection, select

from consent.ledger.bundles.bundle import Evidence
from consent.ledger.bundles.person_key import FIELD, digest_of
from consent.ledger.entries.commitment import Field, Opening, commit
from consent.ledger.entries.entry import Entry, parse
from consent.ledger.openings import reopen
from consent.ledger.origin import LogId
from consent.ledger.tables import entry
from consent.people.anchors import enrolled_text
from consent.people.writes import write_id
from consent.wording.notices import LANGUAGES
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.reading.outlines import outlines


def enrolled_fields(lang: str, text: str, ledger_key: bytes) -> tuple[Field, ...]:
    """What the entry of a new person commits to; `text` is of `writes`."""
    return ("lang", lang), ("values", text), (FIELD, digest_of(ledger_key))


def enrolment(vault: Vault, bucket: Bucket, subject: SubjectId) -> Evidence | None:
    """What a bundle needs to show the person's first entry."""
    keys = vault.keyring.subject_keys([(bucket, subject)])
    if subject not in keys:
        return None
    with vault.data.read() as conn:
        texts = [enrolled_text(one) for one in outlines(conn, [(bucket, subject)])]
        placed = [
            (text, place)
            for text in texts
            if text is not None and (place := _place(conn, bucket, write_id(subject, text)))
        ]
        secrets = reopen(conn, vault, [(log, idx) for _, (log, idx, _) in placed])
    for lang, (text, (log, idx, found)) in product(sorted(LANGUAGES), placed):
        # The language may have been changed since: the entry has the one of that day.
        fields, secret = enrolled_fields(lang, text, keys[subject].ledger), secrets.get((log, idx))
        if secret is not None and commit(secret, fields) == found.commitment:
            return Evidence(log=log, idx=idx, opening=Opening(secret, fields))
    return None


def _place(conn: Connection, bucket: Bucket, entry_id: bytes) -> tuple[LogId, int, Entry] | None:
    c = entry.c
    query = select(c.year, c.idx, c.body).where(c.bucket == bucket, c.id == entry_id).order_by(c.year)
    row = conn.execute(query.limit(1)).first()
    return None if row is None else (LogId(bucket, row.year), row.idx, parse(row.body))
