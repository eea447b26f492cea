"""Written consent: the declaration a person signs, for purposes where law demands it in writing (PIPL 29).

For a query about somebody's credit it is demanded (Regulation on the Credit Reporting Industry 18). The declaration says
in full sentences, in the language the person was shown the request in, to whom, for what, which data, how often, until
when and how long kept, and names notice and terms by their hashes. It is made from the promise alone, so that the same
promise always gives the same text; its SHA-256 and its language are part of the promise and of its approval hash.

It is signed by typing one's name, which is compared with the name on file inside the vault, or with a passkey, whose
assertion over the approval is then demanded (`step_up`). What was signed is kept with the act (`separate_acts`).

`declaration(showing, fields) -> Declaration`; a wording never changes: another one is another `FORMAT`.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from consent.details import instant
from consent.showings import Showing

WRITTEN: Final = "written"
"""The kind of consent, in the words of GB/T 42574."""

FORMAT: Final = "perusal written consent v1"


class Signing(StrEnum):
    """How somebody signs: by their name, typed, or with a passkey of theirs."""

    NAME = "name"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A text to be signed; `hash` is `sha-256:` and the hexadecimal digest of its UTF-8 bytes."""

    text: str
    lang: str

    @property
    def hash(self) -> str:
        return f"sha-256:{hashlib.sha256(self.text.encode()).hexdigest()}"


def declaration(shown: Showing, fields: Sequence[str]) -> Declaration:
    """What is signed for these fields of a request; a guardian's speaks of the person they stand for."""
    words = _wordings()["zh-CN" if shown.lang.startswith("zh") else "en"]
    opens, closes = shown.window
    text = words["text"].format(
        format=FORMAT,
        whose=words["whose"][shown.guardian is not None],
        recipient=shown.recipient.legal_name,
        registration=shown.recipient.registration_no,
        contact=shown.recipient.contact,
        purpose=shown.purpose.title(shown.lang),
        kinds=words["joint"].join(words["kinds"][code] for code in sorted(fields)),
        uses=shown.max_uses,
        opens=instant(opens),
        closes=instant(closes),
        retention=shown.retention,
        notice=shown.notice.hash,
        terms=shown.terms.hash,
    )
    return Declaration(text=text, lang=shown.lang)


@cache
def _wordings() -> dict[str, Any]:
    return tomllib.loads(files("consent").joinpath("declarations.toml").read_text(encoding="utf-8"))
