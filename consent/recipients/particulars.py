"""What a person must be told before their data goes to a recipient (PIPL 23, 39), and what of it is missing.

| item    | what                                                            | where it stands    |
|---------|-----------------------------------------------------------------|--------------------|
| name    | of the recipient                                                | its registration   |
| contact | how to reach it                                                 | its registration   |
| purpose | what for                                                        | the request        |
| method  | how it handles the data                                         | the notice         |
| kinds   | of data                                                         | the request        |
| rights  | how to exercise one's rights against a recipient, if abroad     | the notice         |

`missing(particulars, abroad=…) -> tuple[str, ...]`: the items without a text, in the order of the law.
"""

from dataclasses import dataclass, fields

from consent.recipients.register import Recipient
from consent.wording.notices import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """Everything that has to be said, in the order of the law; `kinds` are field codes."""

    name: str
    contact: str
    purpose: str
    method: str
    kinds: tuple[str, ...]
    rights: str


def particulars(recipient: Recipient, notice: Notice, kinds: tuple[str, ...]) -> Particulars:
    """What this recipient says of itself and of this purpose."""
    return Particulars(
        name=recipient.legal_name,
        contact=recipient.contact,
        purpose=notice.purpose,
        method=notice.method,
        kinds=kinds,
        rights=notice.rights,
    )


def missing(told: Particulars, *, abroad: bool) -> tuple[str, ...]:
    """The names of what is not said; inside the country nobody has to say `rights`, which the law gives there (PIPL 39)."""
    said = {"rights"} if not abroad else set()
    return tuple(item.name for item in fields(told) if not getattr(told, item.name) and item.name not in said)
