"""The anchors of what the vault holds: one ledger entry for every write, under an id that anybody with the rows can
compute again.

The seal binds a value to its version, but not the version to being the newest: whoever restored yesterday's rows
would show yesterday's values. So every write enters the ledger, and says which versions of which fields began
when. Keys and ciphertext are not part of it, because rotation changes those and nothing else (vault.md §6.4).

| write   | text committed to as `values`            | entry                                        |
|---------|------------------------------------------|----------------------------------------------|
| created | `email=1,name=1@TIME`, fields sorted     | enrol, with `lang` and `ledger_key`          |
| changed | `phone=2@TIME`                           | correct                                      |
| struck  | `phone=2-@TIME`: the text is destroyed   | correct                                      |
| merged  | `into=sub_…@TIME`, and `from=sub_…@TIME` with the survivor | correct, one in each chain |
| guarded | `guardian=sub_…,parent,EVIDENCE,UNTIL,DECIDES@TIME` | correct, in the ward's chain      |
| no more | `guardian=sub_…-@TIME`                   | correct, in the ward's chain                 |

TIME is the beginning of what is written, or the moment of its end, in Unix ms; EVIDENCE is hexadecimal, UNTIL
and DECIDES (until when the guardian decides) in Unix ms or empty. The entry's id is the first 16 bytes of
SHA-256("pv1/write" ‖ subject ‖ text): no secret opens it, the random subject hides it.
"""

import hashlib
from collections.abc import Iterable

from consent.ledgering import About
from vault.families.guardians import Guardianship
from vault.ids import Person, SubjectId, encode_id

ID_BYTES = 16
_LABEL = b"pv1/write"


def created_text(fields: Iterable[str], at: int) -> str:
    """What the entry of a new person commits to."""
    return f"{','.join(f'{field}=1' for field in sorted(fields))}@{at}"


def changed_text(field: str, version: int, at: int) -> str:
    """What the entry of a new version commits to."""
    return f"{field}={version}@{at}"


def struck_text(field: str, version: int, at: int) -> str:
    """What the entry of a version whose text was destroyed commits to."""
    return f"{field}={version}-@{at}"


def merged_text(survivor: SubjectId, at: int) -> str:
    """What the entry of somebody who stands for another from now on commits to."""
    return f"into={encode_id('sub', survivor)}@{at}"


def survived_text(other: SubjectId, at: int) -> str:
    """What the survivor's own entry of that merge commits to."""
    return f"from={encode_id('sub', other)}@{at}"


def guarded_text(tie: Guardianship) -> str:
    """What the entry of a new guardian commits to."""
    until, decides = ("" if at is None else at for at in (tie.valid_until, tie.decides_until))
    told = (encode_id("sub", tie.guardian), tie.kind.value, tie.evidence_sha256.hex(), until, decides)
    return f"guardian={','.join(map(str, told))}@{tie.valid_from}"


def unguarded_text(tie: Guardianship) -> str:
    """What the entry of a guardianship that has ended commits to."""
    return f"guardian={encode_id('sub', tie.guardian)}-@{tie.ended_at}"


def correction(who: Person, text: str) -> About:
    """The `correct` entry of the write that this text tells."""
    return *who, write_id(who[1], text), (("values", text),)


def write_id(subject: SubjectId, text: str) -> bytes:
    """The entry id (16 bytes) of one write."""
    return hashlib.sha256(_LABEL + subject + text.encode()).digest()[:ID_BYTES]
