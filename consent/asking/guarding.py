"""Who decides for a person: they themselves, or whoever stands for them by law (PIPL 31, Civil Code 20 to 24).

Nobody under fourteen consents alone: up to and on the fourteenth birthday (the conservative reading of the day)
it takes a guardian. Whoever has an appointed guardian is decided for at any age; a parent decides no more from
fourteen on. Where no birthday is known, somebody without a guardian decides themselves, because whoever
enrolled them gave them an account and said nothing of a child; a parent's link says so, and then the parent
decides until a birthday is known and the link made again.

* `needs_guardian(conn, vault, who, now_ms) -> bool`
* `deciders(conn, who, now_ms)`: the links by which somebody decides for a person; `charges(conn, guardian, now_ms)`: the
  other way round.
* `weigh(conn, vault, who, guardian, now_ms) -> Refusal | None`: whether this answer is theirs to give, in its own
  transaction, under the person's row.
"""

from sqlalchemy import Connection

from consent.accounts.keys import Consumer
from consent.refusals import Refusal, RefusalCode
from vault.families.guardians import Guardianship, guardians_of, link_of, wards_of
from vault.fields.field import CHILD_BELOW
from vault.ids import Person, encode_id
from vault.opening import Vault
from vault.people.ages import younger_than

PREFIX = "gl"


def needs_guardian(conn: Connection, vault: Vault, who: Person, now_ms: int) -> bool:
    """Whether this person cannot consent alone at this instant."""
    if deciders(conn, who, now_ms):
        return True
    return younger_than(conn, vault, [who], CHILD_BELOW, now_ms).get(who[1], False)


def deciders(conn: Connection, who: Person, now_ms: int) -> list[Guardianship]:
    """The links by which others decide for this person now, oldest first."""
    return [tie for tie in guardians_of(conn, *who) if tie.decides_at(now_ms)]


def charges(conn: Connection, guardian: Person, now_ms: int) -> list[Guardianship]:
    """The links by which this person stands for others now, oldest first; not all of them decide (`decides_at`)."""
    return [tie for tie in wards_of(conn, *guardian) if tie.holds_at(now_ms)]


def charge(conn: Connection, guardian: Person, name: str, now_ms: int) -> Guardianship | None:
    """The link of this name by which this person stands for somebody now, if there is one."""
    return next((tie for tie in charges(conn, guardian, now_ms) if link_text(tie) == name), None)


def weigh(
    conn: Connection, vault: Vault, who: Person, guardian: Guardianship | None, now_ms: int
) -> Refusal | None:
    """None when the person, or their guardian by this link, may consent for the person at this instant."""
    if guardian is None:
        refused = needs_guardian(conn, vault, who, now_ms)
        return Refusal(code=RefusalCode.GUARDIAN_NEEDED) if refused else None
    tie = as_it_stands(conn, guardian)
    decides = tie is not None and tie.decides_at(now_ms)
    return None if decides else Refusal(code=RefusalCode.GUARDIAN_OVER)


def as_it_stands(conn: Connection, tie: Guardianship) -> Guardianship | None:
    """The same link, read again."""
    return link_of(conn, tie.bucket, tie.ward, tie.guardian, tie.valid_from)


def stands(conn: Connection, tie: Guardianship, now_ms: int) -> bool:
    """Whether a link still holds (Unix ms), as it is read within the transaction."""
    found = as_it_stands(conn, tie)
    return found is not None and found.holds_at(now_ms)


def ward_of(tie: Guardianship, lang: str) -> Consumer:
    """The ward as whose answer is taken; `lang` is the reader's, who is the guardian."""
    return Consumer(bucket=tie.bucket, subject=tie.ward, lang=lang)


def guardian_of(tie: Guardianship) -> Person:
    """Who stands for the ward."""
    return tie.guardian_bucket, tie.guardian


def link_text(tie: Guardianship) -> str:
    """The link's name in addresses and forms, which tells nobody whose it is."""
    return encode_id(PREFIX, tie.name)


def told(tie: Guardianship) -> str:
    """The link as the ward's ledger entries commit to it, beside `writes.guarded_text`."""
    return f"{encode_id('sub', tie.guardian)}@{tie.valid_from}"
