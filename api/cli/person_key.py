"""The file of `perusal verify --person-key`: a person's ledger key as they were given it.

Its text alone, their line of the operator's `--keys-out`, or the copy of everything (`copy.json`, with
`person.ledger_key`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from api.cli.failures import Exit, Failure
from consent.ledger.bundles import person_key
from consent.ledger.errors import Malformed

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def load_person_key(path: Path) -> bytes:
    """The key (32 bytes) in the file; raises Failure where there is none."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        return person_key.parse(_told(text) if text.startswith("{") else text)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError, Malformed):
        message = f"{path.name} holds no ledger key of a person"
        raise Failure(message, code="no_person_key", exit_code=Exit.USAGE) from None


def _told(text: str) -> str:
    found = _decode(text)
    person = found.get("person")
    key = person.get(person_key.FIELD) if isinstance(person, dict) else found.get(person_key.FIELD)
    if not isinstance(key, str):
        raise Malformed("no key in it")
    return key
