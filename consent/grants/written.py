"""Written consent: the declaration a person signs, for purposes where law demands it in writing (PIPL 29).

For a query about somebody's credit it is demanded (Regulation on the Credit Reporting Industry 18). The
declaration says in full sentences, in the language the person was shown the request in, to whom, for what,
which data, how often, until when (Beijing time, whatever the installation's clock), how long kept and what a
leak costs, and names notice and terms by their versions and hashes. It is made from the promise alone, so that
the same promise always gives the same text; its SHA-256 and its language are part of the promise and of its
approval hash.

It is signed by typing one's name, which is compared with the name on file inside the vault, or with a passkey, whose
assertion over the approval is then demanded (`step_up`). What was signed is kept with the act (`separate_acts`).

`declaration(showing, fields) -> Declaration`; a wording never changes: another one is another `FORMAT`.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from consent.asking.showings import Showing
from consent.wording.currencies import written
from vault.days import BEIJING

WRITTEN: Final = "written"
"""The kind of consent, in the words of GB/T 42574."""

FORMAT: Final = "perusal written consent v2"


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
        uses=words["once"] if shown.max_uses == 1 else words["several"].format(n=shown.max_uses),
        opens=_moment(opens, words),
        closes=_moment(closes, words),
        retention=_period(shown.retention, words),
        owed=written(shown.terms.per_record, shown.terms.currency),
        most=written(shown.terms.cap, shown.terms.currency),
        notice_version=shown.notice.version,
        notice=shown.notice.hash,
        terms_version=shown.terms.version,
        terms=shown.terms.hash,
    )
    return Declaration(text=text, lang=shown.lang)


def _moment(at_ms: int, words: Mapping[str, Any]) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, BEIJING)
    parts = {"day": at.day, "month": f"{at:%B}", "number": at.month, "year": at.year, "time": f"{at:%H:%M}"}
    return str(words["moment"].format_map(parts))


def _period(retention: str, words: Mapping[str, Any]) -> str:
    """`P30D` in words."""
    count = int(retention[1:-1])
    return str(words["periods"][retention[-1]][count != 1].format(n=count))


@cache
def _wordings() -> dict[str, Any]:
    return tomllib.loads(files("consent.grants").joinpath("declarations.toml").read_text(encoding="utf-8"))
