"""Notices: the exact text a person was shown, versioned, hashed, never changed (PIPL 14, 17).

`publish(conn, recipient_id, purpose, version, lang, text, now_ms) -> Notice` writes a version; the same
version with the same text is the same notice, with another text it raises BadNotice, and a text that asks for what
nobody can give UnfairNotice. The hash covers recipient, purpose, version, language and text, and where they are said
method and rights, so no notice can stand in for another.
`notice(conn, notice_id) -> Notice | None` reads one back.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from consent.clauses import findings
from consent.errors import BadNotice, UnfairNotice, UnknownPurpose
from consent.ids import NoticeId, RecipientId, document_hash, new_reference
from consent.schema.tables import notice_version
from consent.texts import storable
from consent.wording.purposes import PURPOSES

LANGUAGES = ("zh-CN", "en")
_MAX_CHARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """How the recipient handles the data, and how one exercises rights against it there; empty where it is not said.

    Nobody asks without the first (PIPL 23), nor abroad without the second (PIPL 39): `particulars`.
    """

    method: str = ""
    rights: str = ""


SILENT: Final = Handling()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """`hash` is `sha-256:` and base64url of the canonical JSON of everything but the id."""

    id: NoticeId
    recipient_id: RecipientId
    purpose: str
    version: int
    lang: str
    text: str
    hash: str
    method: str = ""
    rights: str = ""


def publish(  # each argument is a fact of its own
    conn: Connection,
    recipient_id: str,
    purpose: str,
    version: int,
    lang: str,
    text: str,
    now_ms: int,
    handling: Handling = SILENT,
) -> Notice:
    """Write a notice version, or find it again; raises BadNotice and UnknownPurpose."""
    body = _checked(text, lang, version)
    said = {name: _clean(value) for name, value in asdict(handling).items() if value.strip()}
    if purpose not in PURPOSES:
        raise UnknownPurpose("not in the vocabulary")
    names = {"recipient_id": recipient_id, "purpose": purpose, "version": version, "lang": lang}
    digest = document_hash({**names, **said, "text": body})
    found = conn.execute(select(notice_version).filter_by(**names)).one_or_none()
    if found is not None:
        if found.hash != digest:
            raise BadNotice("this version exists with another text")
        return _notice(found)
    notice_id = NoticeId(new_reference("ntc", now_ms))
    row = {**names, **said, "id": notice_id, "text": body, "hash": digest, "created_at": now_ms}
    conn.execute(insert(notice_version).values(row))
    return Notice(
        id=notice_id,
        recipient_id=RecipientId(recipient_id),
        purpose=purpose,
        version=version,
        lang=lang,
        text=body,
        hash=digest,
        **said,
    )


def notice(conn: Connection, notice_id: str) -> Notice | None:
    """One published version by its id."""
    row = conn.execute(select(notice_version).where(notice_version.c.id == notice_id)).one_or_none()
    return None if row is None else _notice(row)


def _checked(text: str, lang: str, version: int) -> str:
    if lang not in LANGUAGES or version < 1:
        raise BadNotice("a notice has a language we serve and a version from 1")
    return _clean(text)


def _clean(text: str) -> str:
    body = text.strip()
    if not body or len(body) > _MAX_CHARS or not storable(body, lines=True):
        raise BadNotice("a notice has between 1 and 20,000 characters, none of them a control character")
    if found := findings(body):
        raise UnfairNotice(found)
    return body


def _notice(row: Any) -> Notice:
    return Notice(
        id=NoticeId(row.id),
        recipient_id=RecipientId(row.recipient_id),
        purpose=row.purpose,
        version=row.version,
        lang=row.lang,
        text=row.text,
        hash=row.hash,
        method=row.method,
        rights=row.rights,
    )
