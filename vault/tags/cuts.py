"""The cuts that are more than a first and a last part: of addresses, old numbers, names; and spellings.

Spellings are the texts people hash before they hand a file on: a phone number with and without 86, a resident
number with a large or small X, an e-mail address in lower case.
"""

from collections.abc import Callable

from vault.fields.address import abroad, parts
from vault.fields.email import mailbox
from vault.fields.name import COMPOUND, surname
from vault.fields.resident_id import old_form
from vault.tags import masked_address
from vault.tags.masked import UNKNOWN, Masked

type Forms = Callable[[str], tuple[str, ...]]
"""The spellings of a canonical form whose digests go round."""


def nothing(_masked: Masked) -> None:
    """For what no masked form can show."""


def last_four(text: str) -> str:
    """The last four digits of a phone number of any country."""
    return text[-4:]


def plain_email(text: str) -> str:
    """The second canonical form: which mailbox an address leads to."""
    return mailbox(text)


def local_part(text: str) -> str:
    """What stands before the @."""
    return text.rpartition("@")[0]


def first1(text: str) -> str:
    """The first character and the domain."""
    local, _, domain = text.rpartition("@")
    return f"{local[:1]}@{domain}"


def first3(text: str) -> str | None:
    """The first three characters and the domain; None for shorter local parts."""
    local, _, domain = text.rpartition("@")
    return f"{local[:3]}@{domain}" if len(local) >= 3 else None


def local_of_masked(masked: Masked) -> str | None:
    """The local part of an address whose domain is hidden."""
    local = masked.text.rpartition("@")[0]
    return None if UNKNOWN in local else local


def first1_of_masked(masked: Masked) -> str | None:
    """First character and domain of a masked address."""
    return _first_of_masked(masked, 1)


def first3_of_masked(masked: Masked) -> str | None:
    """First three characters and domain of a masked address."""
    return _first_of_masked(masked, 3)


def _first_of_masked(masked: Masked, count: int) -> str | None:
    local, _, domain = masked.text.rpartition("@")
    shown = local.partition(UNKNOWN)[0]
    if len(shown) < count or UNKNOWN in domain:
        return None
    return f"{shown[:count]}@{domain}"


def old_id(text: str) -> str | None:
    """The 15 digits a resident number had before 1999."""
    return old_form(text)


def family_name(text: str) -> str | None:
    """The family name of a Chinese name."""
    return surname(text)


def families_of_masked(masked: Masked) -> tuple[str, ...]:
    """The family names a masked Chinese name may begin with: `欧**` may be 欧 or 欧阳."""
    head = masked.head
    if len(head) > 1 and head[:2] in COMPOUND:
        # With one character behind it, a double family name is complete; without, it may be a name of two.
        return (head[:2], head[:1]) if len(head) == 2 else (head[:2],)
    if len(head) == 1:
        return (head, *sorted(name for name in COMPOUND if name[0] == head))
    return (head[:1],) if head else ()


def region(text: str) -> str | None:
    """The six digits of an address's county; abroad how it ends."""
    return parts(text).region6 or abroad(text)[0]


def region_of_masked(masked: Masked) -> str | None:
    """The same of an address that is partly hidden."""
    return masked_address.region(masked.text)


def road(text: str) -> str | None:
    """Road and number of an address; abroad its first number."""
    return parts(text).road_number or abroad(text)[1]


def road_of_masked(masked: Masked) -> str | None:
    """The same of an address that is partly hidden."""
    return masked_address.road(masked.text)


def building(text: str) -> str | None:
    """Building and room of an address."""
    return parts(text).building_room


def building_of_masked(masked: Masked) -> str | None:
    """The same of an address that is partly hidden."""
    return masked_address.building(masked.text)


def phone_forms(text: str) -> tuple[str, ...]:
    """A mainland mobile as 11 digits, with 86 and with +86; any other number with and without its plus."""
    if text[:1] == "+":
        return text, text[1:]
    return text, f"86{text}", f"+86{text}"


def resident_id_forms(text: str) -> tuple[str, ...]:
    """With X, and with x where it ends so."""
    return (text, text.lower()) if text.endswith("X") else (text,)


def email_forms(text: str) -> tuple[str, ...]:
    """As it is: the canonical form is in lower case."""
    return (text,)
