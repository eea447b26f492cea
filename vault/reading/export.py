"""A person's own copy of their values: every version in clear, under permits like anybody else's reading.

The permit is of kind `copy` and names the fields; unlike `reader`, which answers what was current at one
instant, this opens all that is stored. A merged person's versions come out too: they belong to the survivor's
copy.
"""

from collections.abc import Sequence
from typing import Final

from vault.honey.watch import Sighting, Source
from vault.opening import Vault
from vault.people.stored import StoredValue, erased_among, every_value
from vault.permit import AccessKind, AccessPermit, check
from vault.reader import Unreadable, UnreadableCode

_KINDS: Final = frozenset({AccessKind.COPY})
"""A recipient's permit, or an emergency's, is for one instant and opens no old version."""


def open_everything(vault: Vault, permits: Sequence[AccessPermit]) -> list[list[StoredValue] | Unreadable]:
    """For each permit every version of the fields it names, by field and version; positions match."""
    asked = [(permit.statement.bucket, permit.statement.subject) for permit in permits]
    keys = vault.keyring.subject_keys(asked)
    answers: list[list[StoredValue] | Unreadable] = []
    seen: list[Sighting] = []
    with vault.data.read() as conn:
        gone = erased_among(conn, asked)
        for permit in permits:
            said = permit.statement
            key = keys.get(said.subject)
            if not check(vault.keyring, permit, _KINDS):
                answers.append(Unreadable(UnreadableCode.FORGED))
            elif key is None or said.subject in gone:
                answers.append(Unreadable(UnreadableCode.ERASED))
            else:
                found = every_value(conn, vault, said.bucket, key)
                answers.append([one for one in found if one.field in said.fields])
                seen.append(_sighting(permit))
    vault.watch.note(vault.data, vault.keyring, seen)
    return answers


def _sighting(permit: AccessPermit) -> Sighting:
    said = permit.statement
    return Sighting(
        bucket=said.bucket,
        subject=said.subject,
        source=Source.EXPORT,
        who=said.recipient,
        place=f"{said.log_origin}#{said.entry_index}",
        at_ms=said.at_ms,
    )
