"""Whether a name that somebody typed is the name on file: told with a yes or a no, and nothing of the name.

Compared are canonical forms, so that case, blanks, middle dots and simplified or traditional writing do not count.
"""

import hmac

from sqlalchemy import Connection

from vault.fields import name
from vault.fields.text import InvalidValue
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.people.stored import current_values


def is_named(conn: Connection, vault: Vault, who: tuple[Bucket, SubjectId], typed: str) -> bool:
    """Whether this is the person's current name; never, when there is none on file."""
    bucket, subject = who
    key = vault.keyring.subject_keys([who]).get(subject)
    if key is None:
        return False
    values = current_values(conn, vault, {subject: (bucket, key)}, fields=("name",))
    known = values.get(subject, {}).get("name")
    if known is None or known.text is None:
        return False
    try:
        given, own = name.canonical(typed), name.canonical(known.text)
    except InvalidValue:
        return False
    return hmac.compare_digest(given.encode(), own.encode())
